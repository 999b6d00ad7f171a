// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include <aift/core/error.hpp>

#include "engine_list.hpp"
#include "src/core/cpu.hpp"

namespace aift::score::detail {

namespace {

template <class T>
void keep_largest_of(const T* values, index_t q, index_t m, T* copy, std::int32_t* kept) {
  // The m-th largest value divides them; of those equal to it the first ones are kept.
  std::copy(values, values + q, copy);
  std::nth_element(copy, copy + (m - 1), copy + q, std::greater<>{});
  const T border = copy[m - 1];
  index_t ties = m - std::count_if(values, values + q, [&](T x) { return x > border; });
  index_t held = 0;
  for (index_t j = 0; j < q && held < m; ++j) {
    if (values[j] > border || (values[j] == border && ties-- > 0)) {
      kept[held++] = static_cast<std::int32_t>(j);
    }
  }
}

template <class T>
void order_by_value(const T* values, const std::int32_t* kept, index_t m, std::int32_t* out) {
  std::copy(kept, kept + m, out);
  std::sort(out, out + m, [&](std::int32_t a, std::int32_t b) {
    return values[a] > values[b] || (values[a] == values[b] && a < b);
  });
}

}  // namespace

void keep_largest(const double* values, index_t q, index_t m, double* copy, std::int32_t* kept) {
  keep_largest_of(values, q, m, copy, kept);
}

void keep_largest(const float* values, index_t q, index_t m, float* copy, std::int32_t* kept) {
  keep_largest_of(values, q, m, copy, kept);
}

void order_by_confidence(const double* values, const std::int32_t* kept, index_t m,
                         std::int32_t* out) {
  order_by_value(values, kept, m, out);
}

void order_by_confidence(const float* values, const std::int32_t* kept, index_t m,
                         std::int32_t* out) {
  order_by_value(values, kept, m, out);
}

void order_by_patches(const PatchPredictions& chunk, index_t first, index_t last,
                      std::int32_t* order) {
  const auto count = static_cast<std::int32_t>(last - first);
  const auto patches = [&](std::int32_t n) { return chunk.patch_count(first + n); };
  index_t least = patches(0);
  index_t most = least;
  for (std::int32_t n = 1; n < count; ++n) {
    least = std::min(least, patches(n));
    most = std::max(most, patches(n));
  }
  if (most - least >= kWindow) {
    std::iota(order, order + count, 0);
    std::sort(order, order + count, [&](std::int32_t a, std::int32_t b) {
      return std::pair(patches(a), a) < std::pair(patches(b), b);
    });
    return;
  }
  // By counting: begin[k] is where the next of those with least + k patches goes.
  std::array<std::int32_t, static_cast<std::size_t>(kWindow) + 1> begin{};
  for (std::int32_t n = 0; n < count; ++n)
    ++begin[static_cast<std::size_t>(patches(n) - least + 1)];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  for (std::int32_t n = 0; n < count; ++n)
    order[begin[static_cast<std::size_t>(patches(n) - least)]++] = n;
}

namespace {

std::vector<const Engine*> usable_engines() {
  std::vector<const Engine*> found = {&kBaselineEngine};
#if defined(AIFT_X86_ENGINES)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    aift::detail::cpu_has_f16c();
  if (avx2) found.push_back(&kAvx2Engine);
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    found.push_back(&kAvx512Engine);
  }
#endif
  return found;
}

}  // namespace

std::span<const Engine* const> engines() noexcept {
  static const std::vector<const Engine*> found = usable_engines();
  return found;
}

const Engine& best_engine() {
  const char* const wanted = std::getenv("AIFT_SIMD");
  if (wanted == nullptr || *wanted == '\0') return *engines().back();
  for (const Engine* engine : engines()) {
    if (std::string_view(wanted) == engine->name) return *engine;
  }
  std::vector<std::string_view> names;
  for (const Engine* engine : engines())
    names.emplace_back(engine->name);
  throw ValueError(fmt::format(
      "AIFT_SIMD must name instructions that this CPU has ({}) or be unset; got \"{}\".",
      fmt::join(names, ", "), wanted));
}

}  // namespace aift::score::detail
