// SPDX-License-Identifier: Apache-2.0
// Time to render one patch, per size of the source; one thread. Usage: bench_render [repetitions]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <aift/augment/image_augmenter.hpp>

namespace {

using namespace aift;

class OneImage final : public ImageSource {
 public:
  OneImage(index_t width, index_t height) {
    image_.width = width;
    image_.height = height;
    image_.pixels.resize(static_cast<std::size_t>(3 * width * height));
    for (std::size_t i = 0; i < image_.pixels.size(); ++i) {
      image_.pixels[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 13);
    }
  }
  [[nodiscard]] Image read(const CandidateRef&) const override { return image_; }

 private:
  Image image_;
};

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 15;
  struct Case {
    index_t width, height, out, views;
  };
  std::printf("{\"unit\": \"ms per patch, decoding not included\", \"cases\": [\n");
  const std::vector<Case> cases = {{128, 128, 96, 1},   {128, 128, 96, 4},  {128, 128, 96, 16},
                                   {128, 128, 224, 4},  {640, 512, 224, 4}, {1280, 1024, 96, 4},
                                   {1280, 1024, 224, 4}};
  for (const Case& c : cases) {
    const OneImage source(c.width, c.height);
    ImageAugmentOptions options;
    options.format.height = options.format.width = c.out;
    options.scoring_views = c.views;
    const ImageAugmenter augmenter(options);
    const index_t candidates = std::max<index_t>(1, 64 / c.views);
    std::vector<PatchPlan> plans;
    for (index_t i = 0; i < candidates; ++i) {
      for (index_t v = 0; v < c.views; ++v) {
        // Views from 1 on: the identity is cheaper.
        plans.push_back(
            augmenter.plan({i, static_cast<std::uint64_t>(i)}, Purpose::scoring, 0, v + 1));
      }
    }
    const auto count = static_cast<index_t>(plans.size());
    std::vector<float> out(static_cast<std::size_t>(count * options.format.elements()));
    std::vector<double> times;
    for (int r = -2; r < repetitions; ++r) {
      const auto start = std::chrono::steady_clock::now();
      augmenter.render(plans, source, {out.data(), count, options.format});
      const std::chrono::duration<double, std::milli> taken =
          std::chrono::steady_clock::now() - start;
      if (r >= 0) times.push_back(taken.count() / static_cast<double>(count));
    }
    std::sort(times.begin(), times.end());
    std::printf(
        "  {\"source\": \"%ldx%ld\", \"patch\": %ld, \"views\": %ld, \"median\": %.4f, "
        "\"least\": %.4f, \"most\": %.4f}%s\n",
        static_cast<long>(c.width), static_cast<long>(c.height), static_cast<long>(c.out),
        static_cast<long>(c.views), times[times.size() / 2], times.front(), times.back(),
        &c == &cases.back() ? "" : ",");
  }
  std::printf("]}\n");
}
