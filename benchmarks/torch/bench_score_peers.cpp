// SPDX-License-Identifier: Apache-2.0
// Seconds to score a pool with one thread, beside what else a user could do, in one run.
//
//   bench_score_peers [--repetitions 15] [--out result.json]
//
// peers     LibTorch: the closed form with tensor operations in C++, f32, one thread, no
// validation,
//           no majority. The double loop over pairs: the same in C++, of which Python's costs far
//           more.
// limit     p log p over the same values at the rate of the C library's vector logarithm (libmvec),
//           no more than read, logarithm, product, sum.
// Every repetition times each of them once, in turn; ratios are taken within a repetition. Printed:
// medians and the 10th and 90th percentile.
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <torch/torch.h>

#include <aift/core/executor.hpp>
#include <aift/core/rng.hpp>
#include <aift/score/scores.hpp>
#include <aift/torch/settings_guard.hpp>

#include "src/score/engine.hpp"

extern "C" __m512 _ZGVeN16v_logf(__m512);
extern "C" __m256 _ZGVdN8v_logf(__m256);

namespace {

using namespace aift;

struct Shape {
  index_t candidates, patches, classes;
};

__attribute__((target("avx512f"))) float plogp_avx512(const float* p, index_t count) {
  __m512 sum0 = _mm512_setzero_ps();
  __m512 sum1 = _mm512_setzero_ps();
  const __m512 eps = _mm512_set1_ps(0x1p-52F);
  for (index_t i = 0; i + 32 <= count; i += 32) {
    const __m512 a = _mm512_loadu_ps(p + i);
    const __m512 b = _mm512_loadu_ps(p + i + 16);
    sum0 = _mm512_fmadd_ps(a, _ZGVeN16v_logf(_mm512_add_ps(a, eps)), sum0);
    sum1 = _mm512_fmadd_ps(b, _ZGVeN16v_logf(_mm512_add_ps(b, eps)), sum1);
  }
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, _mm512_add_ps(sum0, sum1));
  return std::accumulate(std::begin(lanes), std::end(lanes), 0.0F);
}

__attribute__((target("avx2,fma"))) float plogp_avx2(const float* p, index_t count) {
  __m256 sum = _mm256_setzero_ps();
  const __m256 eps = _mm256_set1_ps(0x1p-52F);
  for (index_t i = 0; i + 8 <= count; i += 8) {
    const __m256 a = _mm256_loadu_ps(p + i);
    sum = _mm256_fmadd_ps(a, _ZGVdN8v_logf(_mm256_add_ps(a, eps)), sum);
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, sum);
  return std::accumulate(std::begin(lanes), std::end(lanes), 0.0F);
}

/// Entropy + diversity of all candidates by LibTorch.
torch::Tensor closed_form(const torch::Tensor& p) {
  const auto q = static_cast<double>(p.size(1));
  const auto l = (p + 0x1p-52).log();
  const auto entropy = -(p * l).sum({1, 2});
  const auto product = ((p - p.mean(1, true)) * (l - l.mean(1, true))).sum({1, 2});
  return entropy + 2 * q * product;
}

/// The same over all pairs of patches, in double arithmetic.
double pair_loop(const std::vector<float>& p, const Shape& shape) {
  const auto q = static_cast<std::size_t>(shape.patches);
  const auto classes = static_cast<std::size_t>(shape.classes);
  std::vector<double> logs(q * classes);
  double checksum = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.candidates); ++i) {
    const float* x = p.data() + i * q * classes;
    for (std::size_t n = 0; n < q * classes; ++n)
      logs[n] = std::log(static_cast<double>(x[n]) + 0x1p-52);
    double score = 0;
    for (std::size_t j = 0; j < q; ++j)
      for (std::size_t l = 0; l < q; ++l)
        for (std::size_t k = 0; k < classes; ++k) {
          const double pj = static_cast<double>(x[j * classes + k]);
          const double pl = static_cast<double>(x[l * classes + k]);
          score += j == l ? -pj * logs[j * classes + k]
                          : (pj - pl) * (logs[j * classes + k] - logs[l * classes + k]);
        }
    checksum += score;
  }
  return checksum;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

int run(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2)
    arguments[argv[i]] = argv[i + 1];
  const int repetitions =
      arguments.contains("--repetitions") ? std::stoi(arguments["--repetitions"]) : 15;
  nn::set_torch_threads(1);
  const torch::NoGradGuard no_gradients;
  const std::string engine = score::detail::best_engine().name;
  std::string json = fmt::format(
      "{{\"benchmark\": \"score_peers\", \"engine\": \"{}\", "
      "\"libtorch\": \"{}\", \"threads\": 1, \"repetitions\": {}, "
      "\"shapes\": [",
      engine, TORCH_VERSION, repetitions);
  const bool avx512 = __builtin_cpu_supports("avx512f") != 0;
  volatile double sink = 0;
  for (const Shape& shape : {Shape{20000, 36, 2}, Shape{2000, 36, 10}, Shape{200, 36, 1000}}) {
    const index_t count = shape.candidates * shape.patches * shape.classes;
    torch::Tensor logits = torch::empty({shape.candidates, shape.patches, shape.classes});
    {
      const KeyedRandom random(1, Purpose::selection);
      float* z = logits.data_ptr<float>();
      index_t drawn = 0;
      for (index_t i = 0; i < shape.candidates; ++i) {
        std::vector<double> centre;
        for (index_t k = 0; k < shape.classes; ++k)
          centre.push_back(2 * random.normal(drawn++));
        for (index_t n = 0; n < shape.patches * shape.classes; ++n) {
          *z++ = static_cast<float>(centre[static_cast<std::size_t>(n % shape.classes)] +
                                    random.normal(drawn++));
        }
      }
    }
    const torch::Tensor p = logits.softmax(2).contiguous();
    const std::vector<float> values(p.data_ptr<float>(), p.data_ptr<float>() + count);
    const auto chunk = [&](const torch::Tensor& t, PredictionKind kind) {
      return PatchPredictions::dense(t.data_ptr<float>(), shape.candidates, shape.patches,
                                     shape.classes, kind);
    };
    ScoreTable table;
    const auto ours = [&](PredictionKind kind, Precision precision, double alpha) {
      ScoreOptions options;
      options.precision = precision;
      options.alpha = alpha;
      return [&, options, kind] {
        table.clear();
        score::aift(chunk(kind == PredictionKind::logits ? logits : p, kind), options, table);
        sink = table.score.back();
      };
    };
    const auto probabilities = PredictionKind::probabilities;
    const std::vector<std::pair<std::string, std::function<void()>>> cases = {
        {"single", ours(probabilities, Precision::single, 1)},
        {"single, alpha 1/4", ours(probabilities, Precision::single, 0.25)},
        {"single, logits", ours(PredictionKind::logits, Precision::single, 1)},
        {"single, logits, alpha 1/4", ours(PredictionKind::logits, Precision::single, 0.25)},
        {"double", ours(probabilities, Precision::double_, 1)},
        {"double, alpha 1/4", ours(probabilities, Precision::double_, 0.25)},
        {"double, logits", ours(PredictionKind::logits, Precision::double_, 1)},
        {"libtorch", [&] { sink = closed_form(p)[0].item<double>(); }},
        {"p log p",
         [&] {
           sink = static_cast<double>(avx512 ? plogp_avx512(values.data(), count)
                                             : plogp_avx2(values.data(), count));
         }},
        {"pair loop in C++", [&] { sink = pair_loop(values, shape); }},
    };
    std::map<std::string, std::vector<double>> seconds;
    for (int r = -2; r < repetitions; ++r) {
      for (const auto& [name, work] : cases) {
        if (name == "pair loop in C++" && r > 2) continue;
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        if (r >= 0) seconds[name].push_back(passed.count());
      }
    }
    json +=
        fmt::format("{}\n {{\"candidates\": {}, \"patches\": {}, \"classes\": {}, \"cases\": [",
                    json.back() == '[' ? "" : ",", shape.candidates, shape.patches, shape.classes);
    std::printf("%lld x %lld x %lld, engine %s\n", static_cast<long long>(shape.candidates),
                static_cast<long long>(shape.patches), static_cast<long long>(shape.classes),
                engine.c_str());
    for (const auto& [name, work] : cases) {
      const std::vector<double>& t = seconds[name];
      const auto against = [&](const std::string& other) {
        std::vector<double> ratios;
        for (std::size_t r = 0; r < t.size(); ++r)
          ratios.push_back(seconds[other][r] / t[r]);
        return ratios;
      };
      const auto torch_ratio = against("libtorch");
      const auto limit_ratio = against("p log p");
      std::printf(
          "  %-26s %9.3f ms (%.3f to %.3f)   libtorch / this %6.2f (%.2f to %.2f)   "
          "p log p / this %5.2f (%.2f to %.2f)\n",
          name.c_str(), 1e3 * percentile(t, 0.5), 1e3 * percentile(t, 0.1),
          1e3 * percentile(t, 0.9), percentile(torch_ratio, 0.5), percentile(torch_ratio, 0.1),
          percentile(torch_ratio, 0.9), percentile(limit_ratio, 0.5), percentile(limit_ratio, 0.1),
          percentile(limit_ratio, 0.9));
      json += fmt::format(
          "{}\n  {{\"case\": \"{}\", \"seconds\": {:.6f}, \"p10\": {:.6f}, \"p90\": {:.6f}, "
          "\"libtorch_over_this\": {:.3f}, \"limit_over_this\": {:.3f}}}",
          json.back() == '[' ? "" : ",", name, percentile(t, 0.5), percentile(t, 0.1),
          percentile(t, 0.9), percentile(torch_ratio, 0.5), percentile(limit_ratio, 0.5));
    }
    json += "]}";
  }
  json += "],\n \"threads_scaling\": [";
  {  // 20 times the pool, threads kept running, against one thread
    const Shape shape{400000, 36, 2};
    std::vector<float> p(static_cast<std::size_t>(shape.candidates * shape.patches * 2));
    const KeyedRandom random(2, Purpose::selection);
    for (std::size_t n = 0; n < p.size(); n += 2) {
      p[n] = static_cast<float>(random.uniform(static_cast<index_t>(n)));
      p[n + 1] = 1 - p[n];
    }
    ThreadExecutor two(2);
    ScoreTable table;
    for (const Precision precision : {Precision::single, Precision::double_}) {
      ScoreOptions options;
      options.precision = precision;
      options.alpha = 1;
      std::vector<double> ratios;
      const auto seconds = [&](Executor* executor) {
        table.clear();
        const auto start = std::chrono::steady_clock::now();
        score::aift(PatchPredictions::dense(p.data(), shape.candidates, shape.patches, 2,
                                            PredictionKind::probabilities),
                    options, table, executor);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      };
      for (int r = -1; r < repetitions; ++r) {
        const double one = seconds(nullptr);
        const double both = seconds(&two);
        if (r >= 0) ratios.push_back(one / both);
      }
      const std::string name(to_string(precision));
      std::printf("%s, 400000 x 36 x 2, 1 thread / 2 threads: %.2f (%.2f to %.2f)\n", name.c_str(),
                  percentile(ratios, 0.5), percentile(ratios, 0.1), percentile(ratios, 0.9));
      json += fmt::format("{}{{\"precision\": \"{}\", \"ratio\": {:.3f}}}",
                          json.back() == '[' ? "" : ", ", name, percentile(ratios, 0.5));
    }
  }
  json += "]}\n";
  if (arguments.contains("--out")) std::ofstream(arguments["--out"]) << json;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_score_peers: %s\n", error.what());
    return 1;
  }
}
