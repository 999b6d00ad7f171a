// SPDX-License-Identifier: Apache-2.0
#include "src/ct/plane_engine.hpp"

#if defined(AIFT_HAS_AVX2_PLANES)
#include <immintrin.h>
#endif

namespace aift::ct {

void render_plane_scalar(const PlaneJob& job, std::int32_t height, std::int32_t width, float* out) {
  for (std::int32_t i = 0; i < height; ++i) {
    for (std::int32_t j = 0; j < width; ++j)
      *out++ = sample_plane(job, i, j);
  }
}

PlaneEngine best_plane_engine() noexcept {
#if defined(AIFT_HAS_AVX2_PLANES)
  if (avx2_planes_supported()) return render_plane_avx2;
#endif
  return render_plane_scalar;
}

}  // namespace aift::ct

#if defined(AIFT_HAS_AVX2_PLANES)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace aift::ct {

void render_plane_avx2(const PlaneJob& job, std::int32_t height, std::int32_t width, float* out) {
  const __m256 ramp = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
  const auto* voxels = reinterpret_cast<const int*>(job.voxels);
  __m256 across[3];
  __m256 low[3];
  __m256 last[3];
  __m256 last_cell[3];
  __m256i base[3];
  for (int a = 0; a < 3; ++a) {
    across[a] = _mm256_set1_ps(job.across[a]);
    low[a] = _mm256_set1_ps(job.low[a]);
    last[a] = _mm256_set1_ps(job.last[a]);
    last_cell[a] = _mm256_set1_ps(job.last[a] - 1.0F);
    base[a] = _mm256_set1_epi32(job.base[a]);
  }
  const __m256i stride_y = _mm256_set1_epi32(job.stride_y);
  const __m256i stride_z = _mm256_set1_epi32(job.stride_z);
  const __m256 hu_low = _mm256_set1_ps(job.hu_low);
  const __m256 hu_high = _mm256_set1_ps(job.hu_high);
  const __m256 scale = _mm256_set1_ps(job.scale);
  const __m256 shift = _mm256_set1_ps(job.shift);
  for (std::int32_t i = 0; i < height; ++i, out += width) {
    __m256 along[3];
    for (int a = 0; a < 3; ++a)
      along[a] = _mm256_set1_ps(job.start[a] + static_cast<float>(i) * job.down[a]);
    std::int32_t j = 0;
    for (; j + 8 <= width; j += 8) {
      const __m256 column = _mm256_add_ps(_mm256_set1_ps(static_cast<float>(j)), ramp);
      __m256 part[3];
      __m256i at[3];
      for (int a = 0; a < 3; ++a) {
        __m256 p = _mm256_add_ps(along[a], _mm256_mul_ps(column, across[a]));
        p = _mm256_min_ps(_mm256_max_ps(p, low[a]), last[a]);
        const __m256 cell = _mm256_min_ps(_mm256_floor_ps(p), last_cell[a]);
        part[a] = _mm256_sub_ps(p, cell);
        at[a] = _mm256_add_epi32(_mm256_cvttps_epi32(cell), base[a]);
      }
      const __m256i v = _mm256_add_epi32(_mm256_add_epi32(_mm256_mullo_epi32(at[2], stride_z),
                                                          _mm256_mullo_epi32(at[1], stride_y)),
                                         at[0]);
      // One gather of 32 bits brings a voxel and its right neighbour, which is always there.
      const auto row = [&](__m256i index) {
        const __m256i pair = _mm256_i32gather_epi32(voxels, index, 2);
        const __m256 first = _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(pair, 16), 16));
        const __m256 second = _mm256_cvtepi32_ps(_mm256_srai_epi32(pair, 16));
        return _mm256_add_ps(first, _mm256_mul_ps(part[0], _mm256_sub_ps(second, first)));
      };
      const __m256 a = row(v);
      const __m256 b = row(_mm256_add_epi32(v, stride_y));
      const __m256i behind = _mm256_add_epi32(v, stride_z);
      const __m256 c = row(behind);
      const __m256 d = row(_mm256_add_epi32(behind, stride_y));
      const __m256 near = _mm256_add_ps(a, _mm256_mul_ps(part[1], _mm256_sub_ps(b, a)));
      const __m256 far = _mm256_add_ps(c, _mm256_mul_ps(part[1], _mm256_sub_ps(d, c)));
      __m256 hu = _mm256_add_ps(near, _mm256_mul_ps(part[2], _mm256_sub_ps(far, near)));
      hu = _mm256_min_ps(_mm256_max_ps(hu, hu_low), hu_high);
      _mm256_storeu_ps(out + j,
                       _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(hu, hu_low), scale), shift));
    }
    for (; j < width; ++j)
      out[j] = sample_plane(job, i, j);
  }
}

}  // namespace aift::ct

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace aift::ct {

bool avx2_planes_supported() noexcept { return __builtin_cpu_supports("avx2"); }

}  // namespace aift::ct

#endif
