// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <algorithm>
#include <functional>

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

Engine best_engine() noexcept {
#if defined(AIFT_HAS_AVX2_ENGINE)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_avx2;
#endif
  return run_baseline;
}

}  // namespace aift::score::detail
