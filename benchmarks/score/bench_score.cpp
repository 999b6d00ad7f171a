// SPDX-License-Identifier: Apache-2.0
// Seconds to score a pool, one thread: one JSON line per case.
//
//   bench_score [repetitions]
//
// `plain` is what a user would write: one pass with std::log over the kept patches of ready f32
// probabilities, closed form, no validation; timed beside the library on the same input.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/core/rng.hpp>
#include <aift/score/scores.hpp>

#include "src/score/engine.hpp"

namespace {

using namespace aift;

struct Shape {
  index_t candidates, patches, classes;
};

struct Input {
  std::vector<double> logits;
  std::vector<double> probabilities;
};

Input make_input(const Shape& shape) {
  const KeyedRandom random(1, Purpose::selection);
  Input input;
  const index_t rows = shape.candidates * shape.patches;
  input.logits.reserve(static_cast<std::size_t>(rows * shape.classes));
  index_t drawn = 0;
  for (index_t i = 0; i < shape.candidates; ++i) {
    std::vector<double> centre;
    for (index_t k = 0; k < shape.classes; ++k)
      centre.push_back(2 * random.normal(drawn++));
    for (index_t j = 0; j < shape.patches; ++j) {
      for (index_t k = 0; k < shape.classes; ++k) {
        input.logits.push_back(centre[static_cast<std::size_t>(k)] + random.normal(drawn++));
      }
    }
  }
  for (index_t r = 0; r < rows; ++r) {
    const double* z = input.logits.data() + r * shape.classes;
    const double top = *std::max_element(z, z + shape.classes);
    double sum = 0;
    for (index_t k = 0; k < shape.classes; ++k)
      sum += std::exp(z[k] - top);
    for (index_t k = 0; k < shape.classes; ++k) {
      input.probabilities.push_back(std::exp(z[k] - top) / sum);
    }
  }
  return input;
}

template <class T, class To>
std::vector<T> convert(const std::vector<double>& values, const To& to) {
  std::vector<T> out;
  out.reserve(values.size());
  for (const double x : values)
    out.push_back(to(x));
  return out;
}

/// Entropy + diversity over all patches, f32, no validation, std::log.
double plain(const std::vector<float>& p, const Shape& shape, std::vector<double>& out) {
  const auto q = shape.patches;
  const auto classes = static_cast<std::size_t>(shape.classes);
  std::vector<float> logs(static_cast<std::size_t>(q) * classes);
  std::vector<float> mean_p(classes);
  std::vector<float> mean_l(classes);
  for (index_t i = 0; i < shape.candidates; ++i) {
    const float* x = p.data() + static_cast<std::size_t>(i * q) * classes;
    std::fill(mean_p.begin(), mean_p.end(), 0.0F);
    std::fill(mean_l.begin(), mean_l.end(), 0.0F);
    float entropy = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(q); ++j) {
      for (std::size_t k = 0; k < classes; ++k) {
        const float l = std::log(x[j * classes + k] + 0x1p-52F);
        logs[j * classes + k] = l;
        entropy -= x[j * classes + k] * l;
        mean_p[k] += x[j * classes + k];
        mean_l[k] += l;
      }
    }
    float product = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      mean_p[k] /= static_cast<float>(q);
      mean_l[k] /= static_cast<float>(q);
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(q); ++j) {
      for (std::size_t k = 0; k < classes; ++k) {
        product += (x[j * classes + k] - mean_p[k]) * (logs[j * classes + k] - mean_l[k]);
      }
    }
    out[static_cast<std::size_t>(i)] =
        static_cast<double>(entropy + 2 * static_cast<float>(q) * product);
  }
  return out.back();
}

struct Timing {
  double median, low, high;
};

template <class F>
Timing time(int repetitions, const F& f) {
  f();  // warm-up
  std::vector<double> seconds;
  for (int r = 0; r < repetitions; ++r) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    seconds.push_back(passed.count());
  }
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    return seconds[static_cast<std::size_t>(share * static_cast<double>(seconds.size() - 1))];
  };
  return {at(0.5), at(0.1), at(0.9)};
}

void print(const Shape& shape, const std::string& what, double alpha, const Timing& t,
           std::size_t bytes, double plain_seconds) {
  std::printf(
      "{\"candidates\": %ld, \"patches\": %ld, \"classes\": %ld, \"case\": \"%s\", \"alpha\": %g, "
      "\"seconds_median\": %.6f, \"seconds_p10\": %.6f, \"seconds_p90\": %.6f, \"gb_per_s\": %.2f, "
      "\"plain_over_this\": %.2f}\n",
      static_cast<long>(shape.candidates), static_cast<long>(shape.patches),
      static_cast<long>(shape.classes), what.c_str(), alpha, t.median, t.low, t.high,
      static_cast<double>(bytes) / t.median * 1e-9, plain_seconds / t.median);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::max(3, std::atoi(argv[1])) : 15;
  std::printf("{\"engine\": \"%s\", \"repetitions\": %d, \"threads\": 1}\n",
              score::detail::best_engine().name, repetitions);
  for (const Shape& shape : {Shape{20000, 36, 2}, Shape{2000, 36, 10}, Shape{200, 36, 1000}}) {
    const Input input = make_input(shape);
    const auto p32 =
        convert<float>(input.probabilities, [](double x) { return static_cast<float>(x); });
    const auto z32 = convert<float>(input.logits, [](double x) { return static_cast<float>(x); });
    const auto z16 = convert<bfloat16_t>(input.logits, [](double x) { return to_bfloat16(x); });
    const auto& p64 = input.probabilities;
    using P = PatchPredictions;
    const auto dense = [&](const auto* values, PredictionKind kind) {
      return P::dense(values, shape.candidates, shape.patches, shape.classes, kind);
    };
    std::vector<double> sink(static_cast<std::size_t>(shape.candidates));
    const Timing reference = time(repetitions, [&] { plain(p32, shape, sink); });
    print(shape, "plain f32", 1, reference, p32.size() * 4, reference.median);
    const auto run = [&](const std::string& name, const P& predictions, Precision precision,
                         double alpha, std::size_t bytes) {
      ScoreOptions options;
      options.alpha = alpha;
      options.precision = precision;
      const Timing t = time(repetitions, [&] {
        ScoreTable table;
        score::aift(predictions, options, table);
      });
      print(shape, name, alpha, t, bytes, reference.median);
    };
    for (const double alpha : {1.0, 0.25}) {
      run("single, f32 probabilities", dense(p32.data(), PredictionKind::probabilities),
          Precision::single, alpha, p32.size() * 4);
      run("double, f32 probabilities", dense(p32.data(), PredictionKind::probabilities),
          Precision::double_, alpha, p32.size() * 4);
      run("double, f64 probabilities", dense(p64.data(), PredictionKind::probabilities),
          Precision::double_, alpha, p64.size() * 8);
      run("single, f32 logits", dense(z32.data(), PredictionKind::logits), Precision::single, alpha,
          z32.size() * 4);
      run("double, f32 logits", dense(z32.data(), PredictionKind::logits), Precision::double_,
          alpha, z32.size() * 4);
      run("single, bf16 logits", dense(z16.data(), PredictionKind::logits), Precision::single,
          alpha, z16.size() * 2);
    }
    // The same with the other instruction sets of this CPU.
    for (const score::detail::Engine* engine : score::detail::engines()) {
      setenv("AIFT_SIMD", engine->name, 1);
      const std::string name = fmt::format("double, f32 probabilities, {}", engine->name);
      run(name, dense(p32.data(), PredictionKind::probabilities), Precision::double_, 1,
          p32.size() * 4);
    }
    unsetenv("AIFT_SIMD");
  }
  return 0;
}
