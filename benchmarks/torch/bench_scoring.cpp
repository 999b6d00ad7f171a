// SPDX-License-Identifier: Apache-2.0
// Scoring a pool (decode, render views, forward pass, score) against the bare forward pass of the
// same model and batch on patches that lie ready, in turn, so that both see the same machine.
//
//   bench_scoring [--data manifest.csv] [--weights w.safetensors] [--candidates 400] [--views 4]
//                 [--input 96] [--batch 32] [--threads 2] [--repetitions 7] [--out result.json]
//
// Without --data the pool is generated: JPEG files of 128 px in a temporary folder. Without
// --weights the model is untrained, which costs the same. Prints one JSON object: patches per
// second of both, their ratio (median and range over repetitions), and the peak memory of a process
// that scores the pool and of one that scores ten times as many candidates.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

namespace {

using namespace aift;

/// "--seeds" -> "seeds"
std::string option_name(std::string_view text) {
  AIFT_EXPECT(text.starts_with("--"), ValueError, "Expected an option such as --data; got '{}'.",
              text);
  text.remove_prefix(2);
  return std::string(text);
}
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::map<std::string, std::string> values;
  [[nodiscard]] std::string text(const std::string& key, const std::string& fallback) const {
    const auto found = values.find(key);
    return found == values.end() ? fallback : found->second;
  }
  [[nodiscard]] index_t number(const std::string& key, index_t fallback) const {
    const auto found = values.find(key);
    return found == values.end() ? fallback : std::stoll(found->second);
  }
};

/// n JPEG files of 128 px that look a little like tissue, and their manifest.
std::filesystem::path generate(const std::filesystem::path& folder, index_t n) {
  constexpr index_t kSize = 128;
  std::string manifest = "path,label\n";
  for (index_t i = 0; i < n; ++i) {
    const KeyedRandom random(1, Purpose::split, 0, static_cast<std::uint64_t>(i));
    Image image;
    image.width = image.height = kSize;
    image.pixels.resize(static_cast<std::size_t>(3 * kSize * kSize));
    const double a = random.uniform(0, 0.03, 0.2);
    const double b = random.uniform(1, 0.03, 0.2);
    for (index_t y = 0; y < kSize; ++y)
      for (index_t x = 0; x < kSize; ++x)
        for (index_t c = 0; c < 3; ++c) {
          const double wave =
              40 * std::sin(a * static_cast<double>(x) + 2 * b * static_cast<double>(y)) +
              30 * std::cos(b * static_cast<double>(x));
          const double value = 150 - 35 * static_cast<double>(c) + wave +
                               random.uniform(10 + (y * kSize + x) * 3 + c, -12, 12);
          image.pixels[static_cast<std::size_t>((y * kSize + x) * 3 + c)] =
              static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
        }
    const std::string name = std::to_string(i) + ".jpg";
    io::write_file_atomically(folder / name, io::encode_jpeg(image.view(), 90));
    manifest += name + (i % 2 == 0 ? ",a\n" : ",b\n");
  }
  io::write_file_atomically(folder / "manifest.csv", manifest);
  return folder / "manifest.csv";
}

struct Pool {
  io::Dataset data;
  std::vector<CandidateRef> candidates;
};

/// The first n candidates; the files are used again and again when there are fewer.
Pool read_pool(const std::string& manifest, index_t n) {
  Pool pool;
  pool.data = io::read_dataset(manifest);
  for (index_t i = 0; i < n; ++i) {
    CandidateRef ref = pool.data.ref(i % pool.data.size());
    ref.id += static_cast<std::uint64_t>(i / pool.data.size());
    pool.candidates.push_back(ref);
  }
  return pool;
}

struct Setting {
  std::unique_ptr<Model> model;
  std::unique_ptr<ImageAugmenter> augmenter;
  index_t views;
  index_t batch;
};

Setting make_setting(const Arguments& arguments) {
  Setting s;
  const index_t input = arguments.number("input", 96);
  const std::string weights = arguments.text("weights", "");
  s.model = weights.empty() ? nn::make_model("efficientnet_lite0", 2, input, 1)
                            : nn::load_pretrained("efficientnet_lite0", weights, 2, input);
  s.views = arguments.number("views", 4);
  s.batch = arguments.number("batch", 32);
  ImageAugmentOptions options;
  options.format = s.model->info().input;
  options.scoring_views = s.views;
  s.augmenter = std::make_unique<ImageAugmenter>(options);
  return s;
}

ScoreTable score_pool(const Setting& s, const Pool& pool) {
  const io::FileImageSource source(pool.data);
  const AiftSelector selector;
  ScoreTable table;
  Progress progress;
  PipelineOptions options;
  options.batch = s.batch;
  predict_pool(*s.model, *s.augmenter, source, pool.candidates, Purpose::scoring, 1, options,
               progress, [&](const PredictedChunk& chunk) {
                 selector.score(
                     PatchPredictions::dense(chunk.logits.data(), chunk.candidates, chunk.patches,
                                             chunk.classes, PredictionKind::logits),
                     table);
               });
  return table;
}

/// What some work took: by the clock on the wall, and processor time of all threads.
struct Cost {
  double wall = 0;
  double processor = 0;
};

Cost cost_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  const std::clock_t used = std::clock();
  work();
  return {std::chrono::duration<double>(Clock::now() - start).count(),
          static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.size() % 2 == 1 ? v[v.size() / 2] : 0.5 * (v[v.size() / 2 - 1] + v[v.size() / 2]);
}

/// Peak memory in bytes of a child process that scores n candidates.
double peak_of_child(const char* program, std::vector<std::string> arguments, index_t n) {
  arguments.insert(arguments.begin(), program);
  arguments.insert(arguments.end(), {"--memory", std::to_string(n)});
  std::vector<char*> argv;
  for (std::string& text : arguments)
    argv.push_back(text.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  if (status != 0) throw std::runtime_error("the process that measures memory failed");
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

int run(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2)
    arguments.values[option_name(argv[i])] = argv[i + 1];
  nn::keep_freed_memory();
  nn::set_torch_threads(static_cast<int>(arguments.number("threads", 2)));
  if (arguments.values.contains("memory")) {
    (void)score_pool(make_setting(arguments),
                     read_pool(arguments.text("data", ""), arguments.number("memory", 0)));
    return 0;
  }

  const index_t n = arguments.number("candidates", 400);
  std::filesystem::path temporary;
  if (!arguments.values.contains("data")) {
    temporary =
        std::filesystem::temp_directory_path() / ("bench_scoring-" + std::to_string(getpid()));
    std::filesystem::create_directories(temporary);
    arguments.values["data"] = generate(temporary, n).string();
  }
  const Setting s = make_setting(arguments);
  const Pool pool = read_pool(arguments.values["data"], n);

  const index_t patches = n * s.views;
  const PatchFormat& format = s.model->info().input;
  std::vector<PatchPlan> plans;
  for (index_t j = 0; j < s.batch; ++j)
    plans.push_back(s.augmenter->plan(pool.candidates[static_cast<std::size_t>(j % n)],
                                      Purpose::scoring, 0, j % s.views));
  std::vector<float> ready(static_cast<std::size_t>(s.batch * format.elements()));
  const io::FileImageSource source(pool.data);
  s.augmenter->render(plans, source, {ready.data(), s.batch, format});
  std::vector<float> logits(static_cast<std::size_t>(s.batch * s.model->info().classes));
  const auto bare = [&] {
    for (index_t done = 0; done < patches; done += s.batch)
      s.model->predict(ready, s.batch, logits, {});
  };
  const auto full = [&] { (void)score_pool(s, pool); };

  bare();  // warm-up
  full();
  std::vector<double> bare_rate, full_rate, ratio, processor_ratio;
  for (index_t r = 0; r < arguments.number("repetitions", 7); ++r) {
    const Cost b = cost_of(bare);
    const Cost f = cost_of(full);
    const index_t passes = (patches + s.batch - 1) / s.batch * s.batch;
    bare_rate.push_back(static_cast<double>(passes) / b.wall);
    full_rate.push_back(static_cast<double>(patches) / f.wall);
    ratio.push_back(full_rate.back() / bare_rate.back());
    processor_ratio.push_back(static_cast<double>(patches) / static_cast<double>(passes) *
                              b.processor / f.processor);
  }
  std::vector<std::string> child = {"--data", arguments.values["data"]};
  for (const char* key : {"weights", "views", "input", "batch", "threads"})
    if (arguments.values.contains(key))
      child.insert(child.end(), {std::string("--") + key, arguments.values[key]});
  const double memory = peak_of_child(argv[0], child, n);
  const double memory10 = peak_of_child(argv[0], child, 10 * n);

  const auto range = [](const std::vector<double>& v) {
    return fmt::format("[{:.4g}, {:.4g}]", *std::min_element(v.begin(), v.end()),
                       *std::max_element(v.begin(), v.end()));
  };
  const std::string json = fmt::format(
      "{{\"benchmark\": \"scoring\", \"libtorch\": \"{}\", \"threads\": {}, \"candidates\": {}, "
      "\"views\": {}, \"input\": {}, \"batch\": {}, \"repetitions\": {},\n"
      " \"bare_patches_per_second\": {:.4g}, \"bare_range\": {},\n"
      " \"scored_patches_per_second\": {:.4g}, \"scored_range\": {},\n"
      " \"ratio\": {:.4g}, \"ratio_range\": {},\n"
      " \"processor_time_ratio\": {:.4g}, \"processor_time_ratio_range\": {},\n"
      " \"peak_bytes\": {:.0f}, \"peak_bytes_10x\": {:.0f}, \"memory_ratio\": {:.4g}}}\n",
      nn::torch_version(), nn::torch_threads(), n, s.views, format.height, s.batch, ratio.size(),
      median(bare_rate), range(bare_rate), median(full_rate), range(full_rate), median(ratio),
      range(ratio), median(processor_ratio), range(processor_ratio), memory, memory10,
      memory10 / memory);
  std::fputs(json.c_str(), stdout);
  if (arguments.values.contains("out")) io::write_file_atomically(arguments.values["out"], json);
  if (!temporary.empty()) std::filesystem::remove_all(temporary);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_scoring: %s\n", error.what());
    return 1;
  }
}
