// SPDX-License-Identifier: Apache-2.0
// Scoring a pool from PNG files, against the forward passes alone, with a stand-in for the network:
// plain arithmetic of a chosen cost per patch on one thread. With a real network: benchmarks/torch.
//
//   bench_pipeline [candidates] [milliseconds per patch] [repetitions]
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <aift/augment/image_augmenter.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/select/aift_selector.hpp>

#include "scoring_bench.hpp"

namespace {

using namespace aift;
namespace fs = std::filesystem;

/// Two outputs from the mean of the patch, after a multiply-add chain of the wanted length.
class BusyModel final : public Model {
 public:
  explicit BusyModel(double milliseconds) {
    info_.architecture = "busy";
    info_.classes = 2;
    info_.input.height = info_.input.width = 96;
    steps_ = 1000000;
    volatile float sink = 0;
    const double s = bench::seconds_of([&] { sink = chain(0.5F); });
    steps_ = static_cast<index_t>(static_cast<double>(steps_) * milliseconds / 1000 / s);
    (void)sink;
  }
  const ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float>) const override {
    const auto elements = static_cast<std::size_t>(info_.input.elements());
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      float mean = 0;
      for (std::size_t e = 0; e < elements; ++e)
        mean += patches[i * elements + e] / static_cast<float>(elements);
      logits[2 * i] = chain(mean);
      logits[2 * i + 1] = -logits[2 * i];
    }
  }
  void save(const fs::path&) const override {}
  std::unique_ptr<Model> clone() const override { return std::make_unique<BusyModel>(*this); }

 private:
  float chain(float x) const {
    for (index_t s = 0; s < steps_; ++s)
      x = x * 0.999F + 0.0001F;
    return x;
  }
  ModelInfo info_;
  index_t steps_ = 0;
};

/// Smooth colours with some noise, 160 px: about what a PNG of a real picture costs to decode.
void write_images(const fs::path& folder, index_t count) {
  for (index_t i = 0; i < count; ++i) {
    const KeyedRandom random(1, Purpose::weights, 0, static_cast<std::uint64_t>(i));
    Image image{160, 160, ChannelOrder::rgb, std::vector<std::uint8_t>(160 * 160 * 3)};
    for (index_t p = 0; p < 160 * 160; ++p) {
      for (index_t c = 0; c < 3; ++c) {
        const double wave = std::sin(0.05 * static_cast<double>(p % 160) * random.uniform(c) +
                                     0.05 * static_cast<double>(p / 160) * random.uniform(c + 3));
        image.pixels[static_cast<std::size_t>(3 * p + c)] =
            static_cast<std::uint8_t>(120 + 90 * wave + 20 * random.uniform(6 + 3 * p + c));
      }
    }
    io::write_png(folder / ("class_" + std::to_string(i % 2)) / (std::to_string(i) + ".png"),
                  image.view());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const index_t count = argc > 1 ? std::atoll(argv[1]) : 300;
  const double milliseconds = argc > 2 ? std::atof(argv[2]) : 2;
  const int repetitions = argc > 3 ? std::atoi(argv[3]) : 5;
  const fs::path folder = fs::temp_directory_path() / "aift-bench-pipeline";
  fs::create_directories(folder / "class_0");
  fs::create_directories(folder / "class_1");
  write_images(folder, count);

  const io::Dataset data = io::read_dataset(folder);
  const io::FileImageSource source(data);
  std::vector<CandidateRef> candidates;
  for (index_t i = 0; i < data.size(); ++i)
    candidates.push_back(data.ref(i));
  const BusyModel model(milliseconds);
  ImageAugmentOptions views;
  views.format = model.info().input;
  const ImageAugmenter augmenter(views);
  const AiftSelector selector;

  bench::print_machine(1);
  const std::string name = "busy " + std::to_string(milliseconds) + " ms";
  for (const index_t workers : {1, 2}) {
    PipelineOptions options;
    options.workers = workers;
    bench::compare_with_bare_forward(name, model, augmenter, source, candidates, selector, options,
                                     repetitions);
  }
  bench::compare_memory(name, model, augmenter, source, candidates, selector, {});
  fs::remove_all(folder);
  return 0;
}
