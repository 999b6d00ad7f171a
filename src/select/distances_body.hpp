// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, inside an anonymous namespace. What stands
// here has internal linkage, so that no code of this instruction set leaks into the program.

constexpr int kTileLanes = 16;

/// The sum of 2 kFloats numbers: their halves are added, then the halves of that, and so on.
template <int kFloats>
AIFT_MATH float sum_halves(const void* numbers) noexcept {
  if constexpr (kFloats == 1) {
    float pair[2];
    __builtin_memcpy(pair, numbers, sizeof pair);
    return pair[0] + pair[1];
  } else {
    typedef float Half __attribute__((vector_size(4 * kFloats)));
    Half low;
    Half high;
    __builtin_memcpy(&low, numbers, sizeof low);
    __builtin_memcpy(&high, static_cast<const char*>(numbers) + sizeof low, sizeof high);
    low += high;
    return sum_halves<kFloats / 2>(&low);
  }
}

/// One block of kR rows against kC centres. `ahead`: the rows of the next block, which are asked for
/// while these are read (rows may lie anywhere); null: none.
template <class L, int kLanes, bool kDot, int kR, int kC>
AIFT_MATH void tile_block(const float* const* rows, const float* const* centres, index_t d,
                          float* out, index_t stride, const float* const* ahead) noexcept {
  using Real = typename L::Real;
  constexpr int kParts = kTileLanes / kLanes;
  Real sum[kR][kC][kParts];
  for (int r = 0; r < kR; ++r) {
    for (int c = 0; c < kC; ++c) {
      for (int p = 0; p < kParts; ++p)
        sum[r][c][p] = L::real(0.0F);
    }
  }
  const auto step = [&](const float* const(&x)[kR], const float* const(&y)[kC]) {
    for (int p = 0; p < kParts; ++p) {
      Real b[kC];
      for (int c = 0; c < kC; ++c)
        __builtin_memcpy(&b[c], y[c] + p * kLanes, sizeof(Real));
      for (int r = 0; r < kR; ++r) {
        Real a;
        __builtin_memcpy(&a, x[r] + p * kLanes, sizeof a);
        for (int c = 0; c < kC; ++c) {
          if constexpr (kDot) {
            sum[r][c][p] = L::fma(a, b[c], sum[r][c][p]);
          } else {
            const Real off = a - b[c];
            sum[r][c][p] = L::fma(off, off, sum[r][c][p]);
          }
        }
      }
    }
  };
  const float* x[kR];
  const float* y[kC];
  index_t f = 0;
  for (; f + kTileLanes <= d; f += kTileLanes) {
    if (ahead != nullptr) {
      for (int r = 0; r < kR; ++r)
        __builtin_prefetch(ahead[r] + f);
    }
    for (int r = 0; r < kR; ++r)
      x[r] = rows[r] + f;
    for (int c = 0; c < kC; ++c)
      y[c] = centres[c] + f;
    step(x, y);
  }
  if (f < d) {  // the rest, filled up with zeros, which add nothing
    float tail_x[kR][kTileLanes] = {};
    float tail_y[kC][kTileLanes] = {};
    const auto left = static_cast<std::size_t>(d - f) * sizeof(float);
    for (int r = 0; r < kR; ++r) {
      __builtin_memcpy(tail_x[r], rows[r] + f, left);
      x[r] = tail_x[r];
    }
    for (int c = 0; c < kC; ++c) {
      __builtin_memcpy(tail_y[c], centres[c] + f, left);
      y[c] = tail_y[c];
    }
    step(x, y);
  }
  for (int r = 0; r < kR; ++r) {
    for (int c = 0; c < kC; ++c)
      out[r * stride + c] = sum_halves<kTileLanes / 2>(sum[r][c]);
  }
}

template <class L, int kLanes, int kR, bool kDot>
void tile(const float* const* rows, index_t row_count, const float* const* centres,
          index_t centre_count, index_t d, float* out) {
  const auto band = [&]<int kRows>(index_t r, std::integral_constant<int, kRows>) {
    index_t c = 0;
    const float* const* ahead = r + 2 * kRows <= row_count ? rows + r + kRows : nullptr;
    for (; c + 2 <= centre_count; c += 2) {
      tile_block<L, kLanes, kDot, kRows, 2>(rows + r, centres + c, d, out + r * centre_count + c,
                                            centre_count, c == 0 ? ahead : nullptr);
    }
    if (c < centre_count) {
      tile_block<L, kLanes, kDot, kRows, 1>(rows + r, centres + c, d, out + r * centre_count + c,
                                            centre_count, c == 0 ? ahead : nullptr);
    }
  };
  index_t r = 0;
  for (; r + kR <= row_count; r += kR)
    band(r, std::integral_constant<int, kR>{});
  for (; r < row_count; ++r)
    band(r, std::integral_constant<int, 1>{});
}

template <class L, int kLanes>
void gaussian(float* values, index_t count, float scale) {
  using Real = typename L::Real;
  const auto one = [&](float* at) {
    Real x;
    __builtin_memcpy(&x, at, sizeof x);
    x = math::exp_lane<L>(x * L::real(-scale));
    __builtin_memcpy(at, &x, sizeof x);
  };
  index_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    one(values + i);
  if (i < count) {
    float tail[kLanes] = {};
    const auto left = static_cast<std::size_t>(count - i) * sizeof(float);
    __builtin_memcpy(tail, values + i, left);
    one(tail);
    __builtin_memcpy(values + i, tail, left);
  }
}
