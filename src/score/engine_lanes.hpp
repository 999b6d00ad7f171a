// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, behind simd_lane.hpp and engine_body.hpp.
//
// Two layouts over a register S = Simd<T, ...>. Both walk the sums of math/sum.hpp term by term, so
// they agree with the plain loop of engine_body.hpp bit for bit.
//   across  few classes: a lane is a candidate. kLanes candidates with the same number of patches
//           are read together and transposed, so that one register holds the same value of each.
//   within  many classes: a lane is a class. Tiles of kClassLanes classes go over all patches, so
//           that each value is read once and its logarithm never leaves the first cache.

/// Up to so many classes a lane is a candidate.
inline constexpr index_t kAcrossClasses = 32;
/// Values of a candidate that are held for every lane at the same time.
inline constexpr index_t kAcrossValues = 2048;

inline bool scores_across(const Job& job, index_t q) {
  return job.matrix == nullptr && job.chunk.classes <= kAcrossClasses &&
         q * job.chunk.classes <= kAcrossValues;
}

inline bool scores_within(const Job& job) {
  return job.matrix == nullptr && job.chunk.classes > kAcrossClasses;
}

/// ln(p + eps); kNormal: eps keeps the argument away from the subnormal numbers.
template <class S, bool kNormal>
AIFT_MATH typename S::Real log_of(typename S::Real p, typename S::Real eps) {
  if constexpr (kNormal) {
    return math::log_normal_lane<S>(p + eps);
  } else {
    return math::log_lane<S>(p + eps);
  }
}

// ------------------------------------------------------------------ across

/// Addresses [begin, end).
struct Stretch {
  std::uintptr_t begin;
  std::uintptr_t end;
};

inline std::uintptr_t address_of(const void* place) {
  return reinterpret_cast<std::uintptr_t>(place);
}

/// Asks for memory that will be read soon. (Addresses that nothing lies at do no harm.)
AIFT_MATH void ask(std::uintptr_t begin, std::uintptr_t end) {
  for (std::uintptr_t at = begin; at < end; at += 64)
    __builtin_prefetch(reinterpret_cast<const void*>(at));
}

template <class S>
struct Across {
  using V = typename S::Real;
  using T = typename S::Scalar;
  V* stage;             // [q, K] inputs
  V* p;                 // [q, K] probabilities from logits
  V* v;                 // [q, K] logarithms, or w
  V* largest;           // [q] confidences
  V* patch;             // [q] entropies
  V* total;             // [K] of every class over all patches
  V* class_a;           // [K]
  V* class_b;           // [K]
  V* block_a;           // [K]
  T* column;            // [q]
  T* copy;              // [q]
  std::int32_t* kept;   // [kLanes, q] ascending
  std::byte* rows;      // [kLanes, q, K] inputs of the kept patches
  std::int32_t* order;  // [kWindow]
  std::uint64_t chosen[S::kLanes];
  Stretch next[S::kLanes];     // memory of the next group
  int next_count = 0;          // stretches of it that are not begun
  Stretch ahead{0, 0};         // what is asked for next
  std::size_t ahead_step = 0;  // bytes of a patch of all lanes
};

template <class S>
inline void carve_across(Carver& carver, const Job& job, Across<S>& s) {
  const index_t classes = job.chunk.classes;
  if (job.matrix != nullptr || classes > kAcrossClasses) return;
  const index_t most = smaller(job.most_patches, kAcrossValues / classes);
  const std::size_t q = static_cast<std::size_t>(most);
  const std::size_t k = static_cast<std::size_t>(classes);
  const bool logits = job.chunk.kind == PredictionKind::logits;
  carver.take(s.stage, q * k);
  carver.take(s.p, logits ? q * k : 0);
  carver.take(s.v, logits ? 0 : q * k);
  if (logits) s.v = s.stage;  // w takes the place of the logits: all of it stays in the first cache
  carver.take(s.largest, q);
  carver.take(s.patch, q);
  carver.take(s.total, k);
  carver.take(s.class_a, k);
  carver.take(s.class_b, k);
  carver.take(s.block_a, k);
  carver.take(s.column, q);
  carver.take(s.copy, q);
  carver.take(s.kept, q * S::kLanes);
  carver.take(s.rows, q * k * S::kLanes * sizeof(double));
  carver.take(s.order, static_cast<std::size_t>(kWindow));
}

/// out[n] holds value n of every lane.
template <class S, class In>
inline void stage_values(const In* const* from, index_t count, typename S::Real* out) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  constexpr int kLanes = S::kLanes;
  if (count < kLanes) {
    for (index_t n = 0; n < count; ++n) {
      T values[kLanes];
      for (int lane = 0; lane < kLanes; ++lane)
        values[lane] = convert<In, T>(from[lane][n]);
      out[n] = S::load(values);
    }
    return;
  }
  for (index_t n = 0; n < count; n += kLanes) {
    if (n > count - kLanes) n = count - kLanes;  // the last block overlaps the one before
    V rows[kLanes];
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane)
      rows[lane] = S::load_converted(from[lane] + n);
    S::transpose(rows);
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane)
      out[n + lane] = rows[lane];
  }
}

/// What the patches of a group add up to.
template <class S>
struct Sums {
  typename S::Real entropy;
  typename S::Real product;
  typename S::Mask bad;
  typename S::Real least;  // smallest probability
};

/// Patches that walk through the arithmetic together where there are many: chains of operations that
/// do not wait for each other, and one visit to the running sums of a class for all of them.
inline constexpr int kTogether = 4;

/// body(count, i) for the numbers [first, last), kMany at a time, then one by one.
template <int kMany, class Body>
AIFT_MATH void walk(index_t first, index_t last, const Body& body) {
  index_t i = first;
  for (; i + kMany <= last; i += kMany)
    body(std::integral_constant<int, kMany>{}, i);
  for (; i < last; ++i)
    body(std::integral_constant<int, 1>{}, i);
}

/// body(patches, j) for the patches [first, last), as many at a time as kTogether.
template <class Body>
AIFT_MATH void walk_patches(index_t first, index_t last, const Body& body) {
  walk<kTogether>(first, last, body);
}

/// Asks for so many patches of the next group while those of this one are worked on: a CPU does not
/// foresee rows of a few hundred bytes.
template <class S>
AIFT_MATH void ask_ahead(Across<S>& s, int patches) {
  const std::uintptr_t end = s.ahead.begin + static_cast<std::size_t>(patches) * s.ahead_step;
  ask(s.ahead.begin, end);
  s.ahead.begin = end;
  if (__builtin_expect(s.next_count > 0, 0) && end >= s.ahead.end) s.ahead = s.next[--s.next_count];
}

/// What ask_ahead asks for: the rows of the next group, its candidates next[0, count) of a ragged
/// chunk, in a dense one whatever lies behind candidate next[0].
template <class S>
inline void plan_ahead(const Job& job, const index_t* next, int count, Across<S>& s) {
  const auto address = [&](index_t candidate) { return address_of(rows_of(job.chunk, candidate)); };
  s.next_count = 0;
  s.ahead_step = count > 0 ? S::kLanes * static_cast<std::size_t>(job.chunk.classes) *
                                 bytes_of(job.chunk.dtype)
                           : 0;
  if (job.chunk.offsets == nullptr) {
    s.ahead = {count > 0 ? address(next[0]) : 0, std::numeric_limits<std::uintptr_t>::max()};
    return;
  }
  for (int lane = count - 1; lane >= 0; --lane) {
    const Stretch own{address(next[lane]), address(next[lane] + 1)};
    if (s.next_count > 0 && s.next[s.next_count - 1].begin == own.end) {
      s.next[s.next_count - 1].begin = own.begin;  // candidates that lie side by side
    } else {
      s.next[s.next_count++] = own;
    }
  }
  s.ahead = s.next_count > 0 ? s.next[--s.next_count] : Stretch{0, 0};
}

/// add_tree over classes for each of several patches: partial[0] holds the sums.
template <class V, int kPatches>
AIFT_MATH void add_trees(V (*partial)[kPatches], index_t classes) {
  for (index_t stride = math::class_width(classes) / 2; stride > 0; stride /= 2) {
    for (index_t a = 0; a < stride && a + stride < classes; ++a) {
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g)
        partial[a][g] += partial[a + stride][g];
    }
  }
}

/// Class sums over all patches in s.total (math/sum.hpp), checks of probabilities.
template <class S, int kTwo>
inline void survey_rows(const typename S::Real* p, index_t q, index_t all_classes,
                        typename S::Scalar tolerance, Across<S>& s, Sums<S>& sums) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  const index_t classes = kTwo != 0 ? 2 : all_classes;
  const V zero = S::real(T{0});
  const V one = S::real(T{1});
  const V limit = S::real(tolerance);
  if constexpr (kTwo != 0) {
    V a = zero;
    V b = zero;
    for (index_t first = 0; first < q; first += math::kPatchBlock) {
      const index_t last = smaller(q, first + math::kPatchBlock);
      V block_a = zero;
      V block_b = zero;
      for (index_t j = first; j < last; ++j) {
        ask_ahead(s, 1);
        const V x = p[2 * j];
        const V y = p[2 * j + 1];
        sums.bad |= ~(S::magnitude((x + y) - one) <= limit);
        sums.least = S::min(sums.least, S::min(x, y));
        block_a += x;
        block_b += y;
      }
      a += block_a;
      b += block_b;
    }
    s.total[0] = a;
    s.total[1] = b;
    return;
  }
  for (index_t k = 0; k < classes; ++k)
    s.total[k] = zero;
  for (index_t first = 0; first < q; first += math::kPatchBlock) {
    const index_t last = smaller(q, first + math::kPatchBlock);
    for (index_t k = 0; k < classes; ++k)
      s.block_a[k] = zero;
    walk_patches(first, last, [&]<int kPatches>(std::integral_constant<int, kPatches>, index_t j) {
      ask_ahead(s, kPatches);
      const V* const rows = p + j * classes;
      V partial[kAcrossClasses][kPatches];
      for (index_t k = 0; k < classes; ++k) {
        V block = s.block_a[k];
#pragma GCC unroll 4
        for (int g = 0; g < kPatches; ++g) {
          const V x = rows[g * classes + k];
          block += x;
          partial[k][g] = x;
          sums.least = S::min(sums.least, x);
        }
        s.block_a[k] = block;
      }
      add_trees<V, kPatches>(partial, classes);
      for (int g = 0; g < kPatches; ++g)
        sums.bad |= ~(S::magnitude(partial[0][g] - one) <= limit);
    });
    for (index_t k = 0; k < classes; ++k)
      s.total[k] += s.block_a[k];
  }
}

/// From the sums of differences to the first patch in class_a (of P) and class_b (of V): their means,
/// and the centred product of m patches.
template <class S, int kTwo>
inline void centred_product(const typename S::Real* p, index_t m, index_t all_classes, Across<S>& s,
                            Sums<S>& sums) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  const index_t classes = kTwo != 0 ? 2 : all_classes;
  const V zero = S::real(T{0});
  const V share = S::real(T{1} / static_cast<T>(m));
  const V* const v = s.v;
  V* const a = s.class_a;
  V* const b = s.class_b;
  V total[kTwo != 0 ? 2 : kAcrossClasses];
  for (index_t k = 0; k < classes; ++k) {
    a[k] *= share;
    b[k] *= share;
    total[k] = zero;
  }
  for (index_t first = 0; first < m; first += math::kPatchBlock) {
    const index_t last = smaller(m, first + math::kPatchBlock);
    // Two classes at a time: a chain of additions waits for itself.
    walk<2>(0, classes, [&]<int kCount>(std::integral_constant<int, kCount>, index_t k) {
      V pk[kCount], vk[kCount], ak[kCount], bk[kCount], block[kCount];
#pragma GCC unroll 2
      for (int g = 0; g < kCount; ++g) {
        pk[g] = p[k + g];
        vk[g] = v[k + g];
        ak[g] = a[k + g];
        bk[g] = b[k + g];
        block[g] = zero;
      }
      for (index_t j = first; j < last; ++j) {
        const V* const x = p + j * classes + k;
        const V* const y = v + j * classes + k;
#pragma GCC unroll 2
        for (int g = 0; g < kCount; ++g)
          block[g] = S::fma((x[g] - pk[g]) - ak[g], (y[g] - vk[g]) - bk[g], block[g]);
      }
#pragma GCC unroll 2
      for (int g = 0; g < kCount; ++g)
        total[k + g] += block[g];
    });
  }
  if constexpr (kTwo != 0) {
    sums.product = (total[0] + total[1]) + zero;
  } else {
    for (index_t k = 0; k < classes; ++k)
      total[k] += zero;
    sums.product = add_tree(total, classes);
  }
}

/// Logarithms (s.v), entropies (their sum; s.patch) and the sums of differences to the first patch
/// of m patches with probabilities p. kSurvey: does what survey_rows does as well.
template <class S, int kTwo, bool kNormal, bool kSurvey>
inline void log_rows(const typename S::Real* p, index_t m, index_t all_classes,
                     const Terms<typename S::Scalar>& terms, Across<S>& s, Sums<S>& sums) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  const index_t classes = kTwo != 0 ? 2 : all_classes;
  const V zero = S::real(T{0});
  const V eps = S::real(terms.eps);
  V* const v = s.v;
  sums.entropy = zero;
  for (index_t k = 0; k < classes; ++k)
    s.class_a[k] = s.class_b[k] = zero;
  if constexpr (kTwo != 0) {
    const V p0 = p[0];
    const V p1 = p[1];
    const V v0 = log_of<S, kNormal>(p0, eps);
    const V v1 = log_of<S, kNormal>(p1, eps);
    V class0 = zero;
    V class1 = zero;
    for (index_t first = 0; first < m; first += math::kPatchBlock) {
      const index_t last = smaller(m, first + math::kPatchBlock);
      V entropy = zero;
      V class_block0 = zero;
      V class_block1 = zero;
      V block_a0 = zero;
      V block_a1 = zero;
      V block_b0 = zero;
      V block_b1 = zero;
      for (index_t j = first; j < last; ++j) {
        const V x = p[2 * j];
        const V y = p[2 * j + 1];
        if constexpr (kSurvey) {
          ask_ahead(s, 1);
          sums.bad |= ~(S::magnitude((x + y) - S::real(T{1})) <= S::real(terms.tolerance));
          sums.least = S::min(sums.least, S::min(x, y));
          class_block0 += x;
          class_block1 += y;
        }
        const V lx = log_of<S, kNormal>(x, eps);
        const V ly = log_of<S, kNormal>(y, eps);
        v[2 * j] = lx;
        v[2 * j + 1] = ly;
        const V e = zero - (S::fma(x, lx, zero) + S::fma(y, ly, zero));
        s.patch[j] = e;
        entropy += e;
        block_a0 += x - p0;
        block_a1 += y - p1;
        block_b0 += lx - v0;
        block_b1 += ly - v1;
      }
      sums.entropy += entropy;
      class0 += class_block0;
      class1 += class_block1;
      s.class_a[0] += block_a0;
      s.class_a[1] += block_a1;
      s.class_b[0] += block_b0;
      s.class_b[1] += block_b1;
    }
    if constexpr (kSurvey) {
      s.total[0] = class0;
      s.total[1] = class1;
    }
    return;
  }

  for (index_t k = 0; k < classes; ++k) {
    v[k] = log_of<S, kNormal>(p[k], eps);  // the differences below are taken from the first patch
    if constexpr (kSurvey) s.total[k] = zero;
  }
  for (index_t first = 0; first < m; first += math::kPatchBlock) {
    const index_t last = smaller(m, first + math::kPatchBlock);
    V entropy = zero;
    V block_a[kAcrossClasses];
    V block_b[kAcrossClasses];
    V block_total[kAcrossClasses];
    for (index_t k = 0; k < classes; ++k)
      block_a[k] = block_b[k] = block_total[k] = zero;
    walk_patches(first, last, [&]<int kPatches>(std::integral_constant<int, kPatches>, index_t j) {
      if constexpr (kSurvey) ask_ahead(s, kPatches);
      const V* const rows = p + j * classes;
      V* const values = v + j * classes;
      V products[kAcrossClasses][kPatches];
      V row_sums[kAcrossClasses][kPatches];
      for (index_t k = 0; k < classes; ++k) {
        const V p0 = p[k];
        const V v0 = v[k];
        V a = block_a[k];
        V b = block_b[k];
        V total = block_total[k];
#pragma GCC unroll 4
        for (int g = 0; g < kPatches; ++g) {
          const V x = rows[g * classes + k];
          const V l = log_of<S, kNormal>(x, eps);
          values[g * classes + k] = l;
          products[k][g] = S::fma(x, l, zero);
          a += x - p0;
          b += l - v0;
          if constexpr (kSurvey) {
            total += x;
            row_sums[k][g] = x;
            sums.least = S::min(sums.least, x);
          }
        }
        block_a[k] = a;
        block_b[k] = b;
        block_total[k] = total;
      }
      add_trees<V, kPatches>(products, classes);
      if constexpr (kSurvey) add_trees<V, kPatches>(row_sums, classes);
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        const V e = zero - products[0][g];
        s.patch[j + g] = e;
        entropy += e;
        if constexpr (kSurvey) {
          sums.bad |= ~(S::magnitude(row_sums[0][g] - S::real(T{1})) <= S::real(terms.tolerance));
        }
      }
    });
    sums.entropy += entropy;
    for (index_t k = 0; k < classes; ++k) {
      s.class_a[k] += block_a[k];
      s.class_b[k] += block_b[k];
      if constexpr (kSurvey) s.total[k] += block_total[k];
    }
  }
}

/// P into s.p, from the logits of two classes in s.stage. kEntropies: w into s.v, entropies (their
/// sum; s.patch) and the sums of differences to the first patch; kSurvey: class sums into s.total.
template <class S, bool kEntropies, bool kSurvey>
inline void softmax_two(index_t q, Across<S>& s, Sums<S>& sums) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  using Mask = typename S::Mask;
  const V zero = S::real(T{0});
  const V one = S::real(T{1});
  const V floor = S::real(kFloor<T>);
  V finite = zero;  // NaN once a logit is infinite or NaN
  V p0 = zero;
  V p1 = zero;
  V w0 = zero;
  V w1 = zero;
  sums.entropy = zero;
  for (int k = 0; k < 2; ++k)
    s.total[k] = s.class_a[k] = s.class_b[k] = zero;
  for (index_t first = 0; first < q; first += math::kPatchBlock) {
    const index_t last = smaller(q, first + math::kPatchBlock);
    V total0 = zero;
    V total1 = zero;
    V entropy = zero;
    V a0 = zero;
    V a1 = zero;
    V b0 = zero;
    V b1 = zero;
    walk_patches(first, last, [&]<int kPatches>(std::integral_constant<int, kPatches>, index_t j) {
      if constexpr (kSurvey) ask_ahead(s, kPatches);
      Mask second[kPatches];
      V other[kPatches];
      V r[kPatches];
      V inverse[kPatches];
      V e[kPatches];
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        // One of the two is the largest: w = 0 and E = 1; the other E is r.
        const V x = s.stage[2 * (j + g)];
        const V y = s.stage[2 * (j + g) + 1];
        finite = S::fma(x, zero, S::fma(y, zero, finite));
        second[g] = x < y;
        other[g] = S::max(S::select(second[g], x - y, y - x), floor);
        r[g] = math::exp_nonpositive_lane<S>(other[g]);
      }
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        inverse[g] = one / (one + r[g]);
        if constexpr (kEntropies)
          e[g] = S::fma(-(r[g] * other[g]), inverse[g], math::log1p_lane<S>(r[g]));
      }
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        const V small = r[g] * inverse[g];
        const V px = S::select(second[g], small, inverse[g]);
        const V py = S::select(second[g], inverse[g], small);
        s.p[2 * (j + g)] = px;
        s.p[2 * (j + g) + 1] = py;
        if constexpr (kSurvey) {
          total0 += px;
          total1 += py;
        }
        if constexpr (kEntropies) {
          const V wx = S::select(second[g], other[g], zero);
          const V wy = S::select(second[g], zero, other[g]);
          s.v[2 * (j + g)] = wx;
          s.v[2 * (j + g) + 1] = wy;
          s.patch[j + g] = e[g];
          entropy += e[g];
          if (j + g == 0) {
            p0 = px;
            p1 = py;
            w0 = wx;
            w1 = wy;
          }
          a0 += px - p0;
          a1 += py - p1;
          b0 += wx - w0;
          b1 += wy - w1;
        }
      }
    });
    s.total[0] += total0;
    s.total[1] += total1;
    sums.entropy += entropy;
    s.class_a[0] += a0;
    s.class_a[1] += a1;
    s.class_b[0] += b0;
    s.class_b[1] += b1;
  }
  sums.bad |= ~(finite == zero);
}

/// softmax_two for any number of classes.
template <class S, bool kEntropies, bool kSurvey>
inline void softmax_across(index_t q, index_t classes, Across<S>& s, Sums<S>& sums) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  using Mask = typename S::Mask;
  const V zero = S::real(T{0});
  const V one = S::real(T{1});
  const V floor = S::real(kFloor<T>);
  V finite = zero;  // NaN once a logit is infinite or NaN
  sums.entropy = zero;
  for (index_t k = 0; k < classes; ++k)
    s.total[k] = s.class_a[k] = s.class_b[k] = zero;
  for (index_t first = 0; first < q; first += math::kPatchBlock) {
    const index_t last = smaller(q, first + math::kPatchBlock);
    V inverse[math::kPatchBlock];
    V entropy = zero;
    walk_patches(first, last, [&]<int kPatches>(std::integral_constant<int, kPatches>, index_t j) {
      if constexpr (kSurvey) ask_ahead(s, kPatches);
      const V* const z = s.stage + j * classes;
      V* const p = s.p + j * classes;
      V* const w = s.v + j * classes;
      V largest[kPatches];
      V poisoned[kPatches];
      Mask tops[kPatches];  // minus the number of the largest logits
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        largest[g] = z[g * classes];
        poisoned[g] = zero;
        tops[g] = zero < zero;
      }
      for (index_t k = 0; k < classes; ++k) {
#pragma GCC unroll 4
        for (int g = 0; g < kPatches; ++g) {
          const V x = z[g * classes + k];
          poisoned[g] = S::fma(x, zero, poisoned[g]);
          largest[g] = S::max(x, largest[g]);
        }
      }
      V partial[kAcrossClasses][kPatches];
      V products[kAcrossClasses][kPatches];
      for (index_t k = 0; k < classes; ++k) {
#pragma GCC unroll 4
        for (int g = 0; g < kPatches; ++g) {
          const V x = S::max(z[g * classes + k] - largest[g], floor);
          const V e = math::exp_nonpositive_lane<S>(x);
          const Mask top = x == zero;
          tops[g] += top;
          p[g * classes + k] = e;
          partial[k][g] = S::select(top, zero, e);
          if constexpr (kEntropies) {
            w[g * classes + k] = x;
            products[k][g] = S::fma(e, x, zero);
          }
        }
      }
      Mask ties = zero < zero;
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g)
        ties |= tops[g] != (zero == zero);
      if (S::any(ties)) {  // r leaves out the first of them alone
        for (int g = 0; g < kPatches; ++g) {
          Mask found = zero < zero;
          for (index_t k = 0; k < classes; ++k) {
            const V e = p[g * classes + k];
            const Mask top = partial[k][g] < e;
            partial[k][g] = S::select(found, e, partial[k][g]);
            found |= top;
          }
        }
      }
      add_trees<V, kPatches>(partial, classes);
      if constexpr (kEntropies) add_trees<V, kPatches>(products, classes);
#pragma GCC unroll 4
      for (int g = 0; g < kPatches; ++g) {
        const V r = partial[0][g];
        const V share = one / (one + r);
        finite += poisoned[g];
        inverse[j + g - first] = share;
        if constexpr (kEntropies) {
          const V e = S::fma(-products[0][g], share, math::log1p_lane<S>(r));
          s.patch[j + g] = e;
          entropy += e;
        }
      }
    });
    sums.entropy += entropy;
    // Two classes at a time: a chain of additions waits for itself.
    walk<2>(0, classes, [&]<int kCount>(std::integral_constant<int, kCount>, index_t k) {
      V* const p = s.p + k;
      const V* const w = s.v + k;
      V p0[kCount], w0[kCount], total[kCount], a[kCount], b[kCount];
#pragma GCC unroll 2
      for (int g = 0; g < kCount; ++g) {
        p0[g] = first == 0 ? p[g] * inverse[0] : p[g];
        if constexpr (kEntropies) w0[g] = w[g];
        total[g] = a[g] = b[g] = zero;
      }
      for (index_t j = first; j < last; ++j) {
        const V share = inverse[j - first];
#pragma GCC unroll 2
        for (int g = 0; g < kCount; ++g) {
          const V x = p[j * classes + g] * share;
          p[j * classes + g] = x;
          if constexpr (kSurvey) total[g] += x;
          if constexpr (kEntropies) {
            a[g] += x - p0[g];
            b[g] += w[j * classes + g] - w0[g];
          }
        }
      }
#pragma GCC unroll 2
      for (int g = 0; g < kCount; ++g) {
        if constexpr (kSurvey) s.total[k + g] += total[g];
        if constexpr (kEntropies) {
          s.class_a[k + g] += a[g];
          s.class_b[k + g] += b[g];
        }
      }
    });
  }
  sums.bad |= ~(finite == zero);
}

/// Either of the two.
template <class S, int kTwo, bool kEntropies, bool kSurvey>
inline void softmax_rows(index_t q, index_t classes, Across<S>& s, Sums<S>& sums) {
  if constexpr (kTwo != 0) {
    softmax_two<S, kEntropies, kSurvey>(q, s, sums);
  } else {
    softmax_across<S, kEntropies, kSurvey>(q, classes, s, sums);
  }
}

/// The m patches of largest confidence (s.largest) of every lane: as bits into s.chosen, of more
/// patches than are sorted as numbers, ascending, into s.kept [lane][m].
template <class S>
inline void keep_across(index_t q, index_t m, int used, Across<S>& s) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  using Bits = typename S::Bits;
  using Mask = typename S::Mask;
  if (q > kMostSorted) {
    for (int lane = 0; lane < used; ++lane) {
      for (index_t j = 0; j < q; ++j)
        s.column[j] = reinterpret_cast<const T*>(s.largest + j)[lane];
      keep_largest(s.column, q, m, s.copy, s.kept + lane * m);
    }
    return;
  }
  const V border = border_of<S>(s.largest, q, m);
  // Everything above the border, and of what equals it the first ones.
  const Mask wanted = (Mask)S::bits(static_cast<std::uint64_t>(m));
  const Mask none = border < border;
  Mask reached = none;
  Mask above = none;
  for (index_t j = 0; j < q; ++j) {
    reached -= s.largest[j] >= border;  // a mask is -1 where it holds
    above -= s.largest[j] > border;
  }
  const bool all = !S::any(reached != wanted);  // of what equals the border nothing is left out
  Mask ties = wanted - above;
  constexpr index_t kWord = 8 * static_cast<index_t>(sizeof(typename S::Word));
  for (int lane = 0; lane < S::kLanes; ++lane)
    s.chosen[lane] = 0;
  for (index_t first = 0; first < q; first += kWord) {
    const index_t last = smaller(q, first + kWord);
    Bits word = S::bits(0);
    Bits bit = S::bits(1);
    if (all) {
      for (index_t j = first; j < last; ++j) {
        word |= (Bits)(s.largest[j] >= border) & bit;
        bit += bit;
      }
    } else {
      for (index_t j = first; j < last; ++j) {
        const V x = s.largest[j];
        const Mask equal = (x == border) & (ties > none);
        ties += equal;
        word |= (Bits)((x > border) | equal) & bit;
        bit += bit;
      }
    }
    typename S::Word words[S::kLanes];
    __builtin_memcpy(words, &word, sizeof words);
    for (int lane = 0; lane < used; ++lane)
      s.chosen[lane] |= static_cast<std::uint64_t>(words[lane]) << first;
  }
}

/// The kept patches of a lane as numbers; q is what is sorted.
template <class S>
inline void list_kept(int lane, index_t m, Across<S>& s) {
  std::uint64_t left = s.chosen[lane];
  for (index_t j = 0; j < m; ++j) {
    s.kept[lane * m + j] = __builtin_ctzll(left);
    left &= left - 1;
  }
}

/// stage_values for the chunk's type.
template <class S>
inline void stage_rows(DType dtype, const std::byte* const* from, index_t count,
                       typename S::Real* out) {
  with_type(dtype, [&]<class In>(In) {
    const In* typed[S::kLanes];
    for (int lane = 0; lane < S::kLanes; ++lane)
      typed[lane] = reinterpret_cast<const In*>(from[lane]);
    stage_values<S>(typed, count, out);
  });
}

/// The rows numbered `kept`, one after another.
inline void copy_rows(const std::byte* from, const std::int32_t* kept, index_t m,
                      std::size_t row_bytes, std::byte* to) {
  for (index_t j = 0; j < m; ++j) {
    __builtin_memcpy(to + static_cast<std::size_t>(j) * row_bytes,
                     from + static_cast<std::size_t>(kept[j]) * row_bytes, row_bytes);
  }
}

/// The rows whose bit is set, one after another.
inline void copy_chosen(const std::byte* from, std::uint64_t chosen, std::size_t row_bytes,
                        std::byte* to) {
  if (row_bytes == 8) {  // two classes of float: one word each
    for (; chosen != 0; chosen &= chosen - 1, to += 8)
      __builtin_memcpy(to, from + 8 * __builtin_ctzll(chosen), 8);
    return;
  }
  for (; chosen != 0; chosen &= chosen - 1, to += row_bytes) {
    __builtin_memcpy(to, from + static_cast<std::size_t>(__builtin_ctzll(chosen)) * row_bytes,
                     row_bytes);
  }
}

/// One number of each candidate of a group; nothing to a null pointer.
template <class S>
inline void write_lanes(typename S::Real values, const index_t* index, int used, double* out) {
  if (out == nullptr) return;
  typename S::Scalar lanes[S::kLanes];
  S::store(lanes, values);
  for (int lane = 0; lane < used; ++lane)
    out[index[lane]] = static_cast<double>(lanes[lane]);
}

/// One group: `used` candidates with q patches each; `index` has kLanes entries, the last ones
/// repeated. Returns whether all predictions are good.
template <class S, int kTwo, bool kLogits>
inline bool score_group(const Job& job, const index_t* index, int used, index_t q, Across<S>& s) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  constexpr int kLanes = S::kLanes;
  const index_t classes = kTwo != 0 ? 2 : job.chunk.classes;
  const bool every_patch = job.patch_entropy != nullptr;
  const index_t m = kept_of(job, q);
  const Terms<T> terms = terms_of<T>(job);
  const bool score_wanted = job.score != nullptr || every_patch;
  const V zero = S::real(T{0});

  Sums<S> sums;
  sums.bad = zero < zero;
  sums.least = S::real(T{1});
  const std::size_t row_bytes = static_cast<std::size_t>(classes) * bytes_of(job.chunk.dtype);
  const std::byte* from[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    from[lane] = rows_of(job.chunk, index[lane]);
  stage_rows<S>(job.chunk.dtype, from, q * classes, s.stage);
  if constexpr (kLogits) {
    if (m == q && score_wanted) {
      softmax_rows<S, kTwo, true, true>(q, classes, s, sums);
    } else {
      softmax_rows<S, kTwo, false, true>(q, classes, s, sums);
    }
  }
  const V* p = kLogits ? s.p : s.stage;
  const bool normal = terms.eps >= std::numeric_limits<T>::min();
  const bool fused = !kLogits && m == q && score_wanted && normal;
  if (fused) {
    if constexpr (!kLogits) {
      log_rows<S, kTwo, true, true>(p, m, classes, terms, s, sums);
    }
  } else if constexpr (!kLogits) {
    survey_rows<S, kTwo>(p, q, classes, terms.tolerance, s, sums);
  }
  if constexpr (!kLogits) sums.bad |= sums.least < S::real(terms.least);
  if (S::any(sums.bad)) return false;

  // Who speaks for the candidate.
  T dominant[kLanes];
  {
    V best = s.total[0];
    V number = zero;
    for (index_t k = 1; k < classes; ++k) {
      const auto more = best < s.total[k];
      best = S::select(more, s.total[k], best);
      number = S::select(more, S::real(static_cast<T>(k)), number);
    }
    S::store(dominant, number);
    if (job.dominant != nullptr) {
      for (int lane = 0; lane < used; ++lane)
        job.dominant[index[lane]] = static_cast<label_t>(dominant[lane]);
    }
    const bool order_wanted = job.kept != nullptr || job.kept_ascending != nullptr;
    if (m < q || order_wanted) {
      if constexpr (kTwo != 0) {
        const auto second = zero < number;
        for (index_t j = 0; j < q; ++j)
          s.largest[j] = S::select(second, p[2 * j + 1], p[2 * j]);
      } else {
        for (int lane = 0; lane < kLanes; ++lane) {
          const T* column =
              reinterpret_cast<const T*>(p) + lane + static_cast<index_t>(dominant[lane]) * kLanes;
          T* out = reinterpret_cast<T*>(s.largest) + lane;
          for (index_t j = 0; j < q; ++j)
            out[j * kLanes] = column[j * classes * kLanes];
        }
      }
      if (m < q) {
        keep_across<S>(q, m, used, s);
        if (order_wanted && q <= kMostSorted) {
          for (int lane = 0; lane < used; ++lane)
            list_kept<S>(lane, m, s);
        }
      } else if (order_wanted) {
        for (int lane = 0; lane < used; ++lane) {
          for (index_t j = 0; j < q; ++j)
            s.kept[lane * m + j] = static_cast<std::int32_t>(j);
        }
      }
    }
    if (order_wanted) {
      for (int lane = 0; lane < used; ++lane) {
        for (index_t j = 0; j < q; ++j)
          s.column[j] = reinterpret_cast<const T*>(s.largest + j)[lane];
        write_kept(job, index[lane], s.column, s.kept + lane * m, m);
      }
    }
  }
  if (!score_wanted) return true;

  if (m < q) {  // the same once more for the kept patches alone
    const std::size_t kept_bytes = static_cast<std::size_t>(m) * row_bytes;
    for (int lane = 0; lane < used; ++lane) {
      std::byte* to = s.rows + static_cast<std::size_t>(lane) * kept_bytes;
      if (q <= kMostSorted) {
        copy_chosen(from[lane], s.chosen[lane], row_bytes, to);
      } else {
        copy_rows(from[lane], s.kept + lane * m, m, row_bytes, to);
      }
    }
    for (int lane = 0; lane < kLanes; ++lane)
      from[lane] = s.rows + static_cast<std::size_t>(smaller(lane, used - 1)) * kept_bytes;
    stage_rows<S>(job.chunk.dtype, from, m * classes, s.stage);
    if constexpr (kLogits) softmax_rows<S, kTwo, true, false>(m, classes, s, sums);
  }
  if constexpr (!kLogits) {
    if (!fused && normal) {
      log_rows<S, kTwo, true, false>(p, m, classes, terms, s, sums);
    } else if (!fused) {
      log_rows<S, kTwo, false, false>(p, m, classes, terms, s, sums);
    }
  }
  if (every_patch) {
    for (int lane = 0; lane < used; ++lane)
      write_patch_entropies(job, index[lane], reinterpret_cast<const T*>(s.patch) + lane, kLanes);
    return true;
  }
  centred_product<S, kTwo>(p, m, classes, s, sums);

  V* const mean = s.class_a;
  for (index_t k = 0; k < classes; ++k)
    mean[k] += p[k];
  const Outcome<S> out = outcome_of<S>(job, m, sums.entropy, sums.product, mean, s.class_b);
  write_lanes<S>(out.score, index, used, job.score);
  write_lanes<S>(out.entropy, index, used, job.entropy);
  write_lanes<S>(out.diversity, index, used, job.diversity);
  if (job.mean_probabilities != nullptr) {
    for (index_t k = 0; k < classes; ++k) {
      const T* lanes = reinterpret_cast<const T*>(mean + k);
      for (int lane = 0; lane < used; ++lane)
        job.mean_probabilities[index[lane] * classes + k] = static_cast<double>(lanes[lane]);
    }
  }
  return true;
}

/// The candidates [first, last) whose layout is `across`, a window at a time; false when one of
/// them is refused.
template <class S, int kTwo, bool kLogits>
inline bool score_across(const Job& job, index_t first, index_t last, Across<S>& s) {
  constexpr int kLanes = S::kLanes;
  const bool dense = job.chunk.offsets == nullptr;
  for (index_t begin = first; begin < last; begin += kWindow) {
    const index_t end = smaller(last, begin + kWindow);
    if (!dense) order_by_patches(job.chunk, begin, end, s.order);
    for (index_t at = begin; at < end;) {
      const auto candidate = [&](index_t n) { return dense ? n : begin + s.order[n - begin]; };
      const index_t q = job.chunk.patch_count(candidate(at));
      if (!scores_across(job, q)) break;  // so are those behind it: they have as many or more
      index_t index[kLanes];
      int used = 0;
      while (used < kLanes && at < end && job.chunk.patch_count(candidate(at)) == q)
        index[used++] = candidate(at++);
      for (int lane = used; lane < kLanes; ++lane)
        index[lane] = index[used - 1];
      index_t next[kLanes];
      const int left = static_cast<int>(smaller(end - at, dense ? 1 : kLanes));
      for (int lane = 0; lane < left; ++lane)
        next[lane] = candidate(at + lane);
      plan_ahead<S>(job, next, left, s);
      if (!score_group<S, kTwo, kLogits>(job, index, used, q, s)) return false;
    }
  }
  return true;
}

/// The same for any number of classes and either form.
template <class S>
inline bool score_across_any(const Job& job, index_t first, index_t last, Across<S>& s) {
  const bool logits = job.chunk.kind == PredictionKind::logits;
  if (job.chunk.classes == 2) {
    return logits ? score_across<S, 2, true>(job, first, last, s)
                  : score_across<S, 2, false>(job, first, last, s);
  }
  return logits ? score_across<S, 0, true>(job, first, last, s)
                : score_across<S, 0, false>(job, first, last, s);
}

// ------------------------------------------------------------------ within

template <class S>
struct Within {
  using T = typename S::Scalar;
  T* exps;             // [q, exps_stride(K)] exp(w), from logits
  T* sums;             // [padded K] of every class over all patches
  T* mean;             // [padded K]
  T* tile_v;           // [q, kClassLanes]
  T* row_sum;          // [q, kClassLanes]
  T* row_dot;          // [q, kClassLanes]
  T* largest;          // [q] largest logit of every patch
  T* inverse;          // [q, padded to kLanes] 1 / (1 + r)
  T* base;             // [q, padded to kLanes] r, then the entropy
  T* dots;             // [q, padded to kLanes] sum_k exp(w) w
  T* confidence;       // [q]
  T* copy;             // [q]
  T* entropies;        // [q]
  std::int32_t* kept;  // [q]
};

inline index_t padded(index_t count, index_t to) { return (count + to - 1) / to * to; }

/// Numbers from one row of E to the next. A tile of every row is worked on at a time: rows a power of
/// two apart would share a few places of a cache.
inline index_t exps_stride(index_t classes) {
  return padded(classes, math::kClassLanes) + math::kClassLanes;
}

template <class S>
inline void carve_within(Carver& carver, const Job& job, Within<S>& s) {
  if (!scores_within(job)) return;
  const std::size_t q = static_cast<std::size_t>(job.most_patches);
  const std::size_t k = static_cast<std::size_t>(padded(job.chunk.classes, math::kClassLanes));
  const std::size_t tile = q * math::kClassLanes;
  const bool logits = job.chunk.kind == PredictionKind::logits;
  carver.take(s.exps, logits ? q * static_cast<std::size_t>(exps_stride(job.chunk.classes)) : 0);
  carver.take(s.sums, k);
  carver.take(s.mean, k);
  carver.take(s.tile_v, tile);
  carver.take(s.row_sum, tile);
  carver.take(s.row_dot, tile);
  carver.take(s.largest, q);
  carver.take(s.inverse, q + S::kLanes);
  carver.take(s.base, q + S::kLanes);
  carver.take(s.dots, q + S::kLanes);
  carver.take(s.confidence, q);
  carver.take(s.copy, q);
  carver.take(s.entropies, q);
  carver.take(s.kept, q);
}

/// The predictions of a candidate, whatever their type.
struct Input {
  DType dtype;
  const std::byte* values;  // [q, classes]
  index_t q;
  index_t classes;
  index_t readable;  // so many values from there on, those of the candidates behind it included
};

/// Value `at` of a row.
template <class T>
AIFT_MATH T value_of(const Input& input, index_t row, index_t at) {
  return with_type(input.dtype, [&]<class In>(In) {
    return convert<In, T>(reinterpret_cast<const In*>(input.values)[row * input.classes + at]);
  });
}

struct Sum {
  template <class V>
  static AIFT_MATH V of(V a, V b) {
    return a + b;
  }
};
template <class S>
struct Largest {
  static AIFT_MATH typename S::Real of(typename S::Real a, typename S::Real b) {
    return S::max(a, b);
  }
};

/// One register of those of a tile, in the order of math::add_partials: one half upon the other.
template <class Op, class V, int kRegisters>
AIFT_MATH V fold(V (&x)[kRegisters]) {
  for (int half = kRegisters / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
    for (int r = 0; r < half; ++r)
      x[r] = Op::of(x[r], x[r + half]);
  }
  return x[0];
}

/// The sum of a tile's lanes, as math::add_partials makes it.
template <class S, int kRegisters>
AIFT_MATH typename S::Scalar sum_of_lanes(typename S::Real (&x)[kRegisters]) {
  typename S::Scalar lanes[S::kLanes];
  S::store(lanes, fold<Sum>(x));
  return math::add_partials(lanes, S::kLanes);
}

/// The same of a tile in memory.
template <class S>
AIFT_MATH typename S::Scalar sum_of_lanes(const typename S::Scalar* tile) {
  typename S::Real x[math::kClassLanes / S::kLanes];
#pragma GCC unroll 8
  for (int r = 0; r < math::kClassLanes / S::kLanes; ++r)
    x[r] = S::load(tile + r * S::kLanes);
  return sum_of_lanes<S>(x);
}

/// `pad` in the place of what stands in a tile behind the last of `count` classes.
template <class S>
AIFT_MATH void pad_tile(index_t count, typename S::Scalar pad,
                        typename S::Real (&tile)[math::kClassLanes / S::kLanes]) {
  using T = typename S::Scalar;
  T lanes[S::kLanes];
  for (int lane = 0; lane < S::kLanes; ++lane)
    lanes[lane] = static_cast<T>(lane);
  const auto number = S::load(lanes);
#pragma GCC unroll 8
  for (int r = 0; r < math::kClassLanes / S::kLanes; ++r) {
    const auto inside = number < S::real(static_cast<T>(count - r * S::kLanes));
    tile[r] = S::select(inside, tile[r], S::real(pad));
  }
}

/// kClassLanes values of a row from class `at` on, in registers; `pad` behind the last class.
template <class S>
AIFT_MATH void load_tile(const Input& input, index_t row, index_t at, typename S::Scalar pad,
                         typename S::Real (&tile)[math::kClassLanes / S::kLanes]) {
  constexpr int kRegisters = math::kClassLanes / S::kLanes;
  const index_t count = input.classes - at;
  with_type(input.dtype, [&]<class In>(In) {
    const index_t first = row * input.classes + at;
    const In* const from = reinterpret_cast<const In*>(input.values) + first;
    if (first + math::kClassLanes <= input.readable) {
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r)
        tile[r] = S::load_converted(from + r * S::kLanes);
    } else {  // the end of the last row
      In last[math::kClassLanes] = {};
      __builtin_memcpy(last, from, static_cast<std::size_t>(count) * sizeof(In));
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r)
        tile[r] = S::load_converted(last + r * S::kLanes);
    }
  });
  if (count < math::kClassLanes) pad_tile<S>(count, pad, tile);
}

/// What is read is a tile of every row, which a CPU does not foresee. So candidates of up to so many
/// bytes are asked for while another is worked on, in the order of memory: of larger ones a cache does
/// not hold two. Tiles are asked for two ahead, since they need not begin where a cache line does.
inline constexpr index_t kAheadBytes = index_t{1} << 20;

inline bool asks_ahead(const Input& input) {
  return input.q * input.classes * static_cast<index_t>(bytes_of(input.dtype)) <= kAheadBytes;
}

/// Asks for kClassLanes values, the first of them so far behind the candidate's first one.
AIFT_MATH void ask_for(const Input& input, index_t first) {
  const std::size_t bytes = bytes_of(input.dtype);
  const auto at = address_of(input.values) + static_cast<std::uintptr_t>(first) * bytes;
  ask(at, at + math::kClassLanes * bytes);
}

/// The sum of E of a row but for the first of its largest logits.
template <class T>
inline T sum_without_one(const Input& input, index_t row, T largest, const T* e) {
  T sums[math::kClassLanes] = {};
  bool found = false;
  for (index_t k = 0; k < input.classes; ++k) {
    const bool first = !found && value_of<T>(input, row, k) == largest;
    if (!first) sums[k % math::kClassLanes] += e[k];
    found = found || first;
  }
  return math::add_partials(sums, math::kClassLanes);
}

/// Largest logits, exp(w), 1 / (1 + r) and entropies of all patches; false for one that is not
/// finite.
template <class S>
inline bool softmax_within(const Input& input, Within<S>& s) {
  const index_t q = input.q;
  const index_t classes = input.classes;
  const bool ahead = asks_ahead(input);
  using T = typename S::Scalar;
  using V = typename S::Real;
  using Mask = typename S::Mask;
  constexpr int kRegisters = math::kClassLanes / S::kLanes;
  const index_t width = padded(classes, math::kClassLanes);
  const V floor = S::real(kFloor<T>);
  const V zero = S::real(T{0});
  V finite[kRegisters];  // NaN once a logit is infinite or NaN
  for (int r = 0; r < kRegisters; ++r)
    finite[r] = zero;
  for (index_t j = 0; j < q; ++j) {
    V best[kRegisters];
    for (int r = 0; r < kRegisters; ++r)
      best[r] = S::real(std::numeric_limits<T>::lowest());
    for (index_t at = 0; at < classes; at += math::kClassLanes) {
      V x[kRegisters];
      load_tile<S>(input, j, at, value_of<T>(input, j, at), x);  // changes neither of the two
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r) {
        finite[r] = S::fma(x[r], zero, finite[r]);
        best[r] = S::max(x[r], best[r]);
      }
    }
    T values[S::kLanes];
    S::store(values, fold<Largest<S>>(best));
    T top = values[0];
    for (int lane = 1; lane < S::kLanes; ++lane)
      top = values[lane] > top ? values[lane] : top;
    s.largest[j] = top;
    T* const e = s.exps + j * exps_stride(classes);
    const V shift = S::real(top);
    V partial[kRegisters];
    V products[kRegisters];
    Mask below[kRegisters];  // minus the number of those below the largest
    for (int r = 0; r < kRegisters; ++r) {
      partial[r] = products[r] = zero;
      below[r] = zero < zero;
    }
    for (index_t at = 0; at < classes; at += math::kClassLanes) {
      if (ahead) ask_for(input, q * classes + j * width + at);
      V x[kRegisters];
      load_tile<S>(input, j, at, -std::numeric_limits<T>::infinity(), x);  // exp gives 0
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r) {
        const V w = S::max(x[r] - shift, floor);
        const V y = math::exp_nonpositive_lane<S>(w);
        S::store(e + at + r * S::kLanes, y);
        const Mask less = w < zero;
        partial[r] += S::select(less, y, zero);
        products[r] = S::fma(y, w, products[r]);
        below[r] += less;
      }
    }
    const Mask counts = fold<Sum>(below);
    std::make_signed_t<typename S::Word> count[S::kLanes];
    __builtin_memcpy(count, &counts, sizeof count);
    index_t largest = width;
    for (int lane = 0; lane < S::kLanes; ++lane)
      largest += count[lane];
    s.base[j] = largest > 1 ? sum_without_one<T>(input, j, top, e) : sum_of_lanes<S>(partial);
    s.dots[j] = sum_of_lanes<S>(products);
  }
  for (int r = 0; r < kRegisters; ++r) {
    if (S::any(~(finite[r] == zero))) return false;
  }
  const V one = S::real(T{1});
  for (index_t j = q; j < q + S::kLanes; ++j)
    s.base[j] = s.dots[j] = T{0};
  for (index_t j = 0; j < q; j += S::kLanes) {
    const V r = S::load(s.base + j);
    const V inverse = one / (one + r);
    S::store(s.inverse + j, inverse);
    S::store(s.base + j, S::fma(-S::load(s.dots + j), inverse, math::log1p_lane<S>(r)));
  }
  return true;
}

/// Reads P of a patch, and V (its logarithm or w).
template <class S, bool kLogits>
struct Rows {
  using T = typename S::Scalar;
  using V = typename S::Real;
  static constexpr int kRegisters = math::kClassLanes / S::kLanes;
  const Input& input;
  const Within<S>& s;

  /// Asks for what the next tiles of a row are read from.
  AIFT_MATH void ask_next(index_t row, index_t at) const {
    ask_for(input, row * input.classes + at + 2 * math::kClassLanes);
    if constexpr (kLogits) {
      const T* const e = s.exps + row * exps_stride(input.classes) + at + math::kClassLanes;
      ask(address_of(e), address_of(e + math::kClassLanes));
    }
  }

  AIFT_MATH void probabilities(index_t row, index_t at, V (&p)[kRegisters]) const {
    if constexpr (kLogits) {
      const T* e = s.exps + row * exps_stride(input.classes) + at;
      const V inverse = S::real(s.inverse[row]);
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r)
        p[r] = S::load(e + r * S::kLanes) * inverse;
    } else {
      load_tile<S>(input, row, at, T{0}, p);
    }
  }
  template <bool kNormal>
  AIFT_MATH void values(index_t row, index_t at, V eps, const V (&p)[kRegisters],
                        V (&v)[kRegisters]) const {
    if constexpr (kLogits) {
      const V floor = S::real(kFloor<T>);
      const V shift = S::real(s.largest[row]);
      load_tile<S>(input, row, at, -std::numeric_limits<T>::infinity(), v);
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r) {
        v[r] = S::max(v[r] - shift, floor);
      }
    } else {
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r) {
        v[r] = log_of<S, kNormal>(p[r], eps);
        if constexpr (!kNormal) {  // behind the last class stands ln 0 when eps is 0
          const V zero = S::real(T{0});
          v[r] = S::select(zero < p[r] + eps, v[r], zero);
        }
      }
    }
  }
};

/// One candidate; false when its predictions are refused.
template <class S, bool kLogits, bool kNormal>
inline bool score_candidate(const Job& job, index_t i, Within<S>& s) {
  using T = typename S::Scalar;
  using V = typename S::Real;
  constexpr int kRegisters = math::kClassLanes / S::kLanes;
  constexpr index_t kTile = math::kClassLanes;
  const index_t classes = job.chunk.classes;
  const index_t q = job.chunk.patch_count(i);
  const bool every_patch = job.patch_entropy != nullptr;
  const index_t m = kept_of(job, q);
  const bool score_wanted = job.score != nullptr || every_patch;
  const Terms<T> terms = terms_of<T>(job);
  const V zero = S::real(T{0});
  const V eps = S::real(terms.eps);
  const Input input{job.chunk.dtype, rows_of(job.chunk, i), q, classes,
                    (job.chunk.row_begin(job.chunk.candidates) - job.chunk.row_begin(i)) * classes};
  if constexpr (kLogits) {
    if (!softmax_within<S>(input, s)) return false;
  }
  const Rows<S, kLogits> rows{input, s};

  // All patches: class sums and, of probabilities, checks. With every patch kept this pass is left
  // out and done by the next one.
  const bool fused = m == q && score_wanted;
  const bool ahead = asks_ahead(input);
  V least = S::real(T{1});
  if (!kLogits) {
    for (index_t n = 0; n < q * kTile; n += S::kLanes)
      S::store(s.row_sum + n, zero);
  }
  const auto check_tile = [&](index_t j, index_t at, const V(&p)[kRegisters]) {
    T* const sum = s.row_sum + j * kTile;
    V x[kRegisters];
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r) {
      S::store(sum + r * S::kLanes, S::load(sum + r * S::kLanes) + p[r]);
      x[r] = p[r];
    }
    // What stands behind the last class is no probability.
    if (at + kTile > classes) pad_tile<S>(classes - at, T{1}, x);
#pragma GCC unroll 8
    for (int r = 0; r < kRegisters; ++r)
      least = S::min(least, x[r]);
  };
  if (!fused) {
    for (index_t at = 0; at < classes; at += kTile) {
      V total[kRegisters];
      for (int r = 0; r < kRegisters; ++r)
        total[r] = zero;
      for (index_t first = 0; first < q; first += math::kPatchBlock) {
        const index_t last = smaller(q, first + math::kPatchBlock);
        V block[kRegisters];
        for (int r = 0; r < kRegisters; ++r)
          block[r] = zero;
        for (index_t j = first; j < last; ++j) {
          V p[kRegisters];
          rows.probabilities(j, at, p);
          if constexpr (!kLogits) {
            ask_for(input, ahead ? q * (classes + at) + j * kTile : j * classes + at + 2 * kTile);
            check_tile(j, at, p);
          }
#pragma GCC unroll 8
          for (int r = 0; r < kRegisters; ++r)
            block[r] += p[r];
        }
        for (int r = 0; r < kRegisters; ++r)
          total[r] += block[r];
      }
      for (int r = 0; r < kRegisters; ++r)
        S::store(s.sums + at + r * S::kLanes, total[r]);
    }
  }
  const auto good = [&] {
    if constexpr (kLogits) return true;
    if (S::any(least < S::real(terms.least))) return false;
    for (index_t j = 0; j < q; ++j) {
      const T sum = sum_of_lanes<S>(s.row_sum + j * kTile);
      if (!(magnitude(sum - T{1}) <= terms.tolerance)) return false;
    }
    return true;
  };
  const auto settle = [&] {  // dominant class and kept patches, from the class sums
    index_t dominant = 0;
    for (index_t k = 1; k < classes; ++k) {
      if (s.sums[k] > s.sums[dominant]) dominant = k;
    }
    if (job.dominant != nullptr) job.dominant[i] = static_cast<label_t>(dominant);
    if (m == q && job.kept == nullptr && job.kept_ascending == nullptr) return;
    for (index_t j = 0; j < q; ++j) {
      if constexpr (kLogits) {
        s.confidence[j] = s.exps[j * exps_stride(classes) + dominant] * s.inverse[j];
      } else {
        s.confidence[j] = value_of<T>(input, j, dominant);
      }
    }
    if (m == q) {
      for (index_t j = 0; j < q; ++j)
        s.kept[j] = static_cast<std::int32_t>(j);
    } else {
      keep_largest(s.confidence, q, m, s.copy, s.kept);
    }
    write_kept(job, i, s.confidence, s.kept, m);
  };
  if (!fused) {
    if (!good()) return false;
    settle();
    if (!score_wanted) return true;
  }

  // The kept patches.
  const V share = S::real(T{1} / static_cast<T>(m));
  if constexpr (!kLogits) {
    for (index_t n = 0; n < m * kTile; n += S::kLanes)
      S::store(s.row_dot + n, zero);
  }
  V product[kRegisters];
  for (int r = 0; r < kRegisters; ++r)
    product[r] = zero;
  for (index_t at = 0; at < classes; at += kTile) {
    V class_total[kRegisters];
    V a[kRegisters];
    V b[kRegisters];
    V p0[kRegisters];
    V v0[kRegisters];
    for (int r = 0; r < kRegisters; ++r)
      class_total[r] = a[r] = b[r] = p0[r] = v0[r] = zero;
    for (index_t first = 0; first < m; first += math::kPatchBlock) {
      const index_t last = smaller(m, first + math::kPatchBlock);
      V class_block[kRegisters];
      V block_a[kRegisters];
      V block_b[kRegisters];
      for (int r = 0; r < kRegisters; ++r)
        class_block[r] = block_a[r] = block_b[r] = zero;
      for (index_t j = first; j < last; ++j) {
        const index_t row = m == q ? j : s.kept[j];
        V p[kRegisters];
        V v[kRegisters];
        rows.ask_next(row, at);
        rows.probabilities(row, at, p);
        rows.template values<kNormal>(row, at, eps, p, v);
        if (fused) {
          if constexpr (!kLogits) {
            if (ahead) ask_for(input, q * (classes + at) + j * kTile);
            check_tile(j, at, p);
          }
#pragma GCC unroll 8
          for (int r = 0; r < kRegisters; ++r)
            class_block[r] += p[r];
        }
        T* const dot = s.row_dot + j * kTile;
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) {
          if (j == 0) {
            p0[r] = p[r];
            v0[r] = v[r];
          }
          S::store(s.tile_v + j * kTile + r * S::kLanes, v[r]);
          if constexpr (!kLogits)
            S::store(dot + r * S::kLanes, S::fma(p[r], v[r], S::load(dot + r * S::kLanes)));
          block_a[r] += p[r] - p0[r];
          block_b[r] += v[r] - v0[r];
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRegisters; ++r) {
        class_total[r] += class_block[r];
        a[r] += block_a[r];
        b[r] += block_b[r];
      }
    }
    for (int r = 0; r < kRegisters; ++r) {
      a[r] *= share;
      b[r] *= share;
      S::store(s.mean + at + r * S::kLanes, a[r] + p0[r]);
      if (fused) S::store(s.sums + at + r * S::kLanes, class_total[r]);
    }
    V sum[kRegisters];
    for (int r = 0; r < kRegisters; ++r)
      sum[r] = zero;
    for (index_t first = 0; first < m; first += math::kPatchBlock) {
      const index_t last = smaller(m, first + math::kPatchBlock);
      V block[kRegisters];
      for (int r = 0; r < kRegisters; ++r)
        block[r] = zero;
      for (index_t j = first; j < last; ++j) {
        V p[kRegisters];
        rows.probabilities(m == q ? j : s.kept[j], at, p);
#pragma GCC unroll 8
        for (int r = 0; r < kRegisters; ++r) {
          const V v = S::load(s.tile_v + j * kTile + r * S::kLanes);
          block[r] = S::fma((p[r] - p0[r]) - a[r], (v - v0[r]) - b[r], block[r]);
        }
      }
      for (int r = 0; r < kRegisters; ++r)
        sum[r] += block[r];
    }
    for (int r = 0; r < kRegisters; ++r)
      product[r] += sum[r];
  }
  if (fused) {
    if (!good()) return false;
    settle();
  }
  for (index_t j = 0; j < m; ++j) {
    if constexpr (kLogits) {
      s.entropies[j] = s.base[m == q ? j : s.kept[j]];
    } else {
      s.entropies[j] = T{0} - sum_of_lanes<S>(s.row_dot + j * kTile);
    }
  }
  if (every_patch) {
    write_patch_entropies(job, i, s.entropies, 1);
    return true;
  }
  write_scores<T>(job, i, m, sum_of_patches(s.entropies, m), sum_of_lanes<S>(product), s.mean,
                  s.sums);
  return true;
}

template <class S>
inline bool score_within(const Job& job, index_t first, index_t last, Within<S>& s) {
  using T = typename S::Scalar;
  const bool normal = terms_of<T>(job).eps >= std::numeric_limits<T>::min();
  for (index_t i = first; i < last; ++i) {
    const bool good = job.chunk.kind == PredictionKind::logits
                          ? score_candidate<S, true, true>(job, i, s)
                      : normal ? score_candidate<S, false, true>(job, i, s)
                               : score_candidate<S, false, false>(job, i, s);
    if (!good) return false;
  }
  return true;
}

// ------------------------------------------------------------------ both

template <class S>
struct Lanes {
  using T = typename S::Scalar;
  Across<S> across;
  Within<S> within;
  Scratch<T> plain;
};

/// Whether a candidate of the job may need the plain loop.
inline bool needs_plain(const Job& job) {
  return job.matrix != nullptr || (!scores_within(job) && !scores_across(job, job.most_patches));
}

template <class S>
inline std::size_t carve_lanes(std::byte* bytes, const Job& job, Lanes<S>& s) {
  Carver carver{bytes};
  carve_across(carver, job, s.across);
  carve_within(carver, job, s.within);
  if (needs_plain(job)) carve_plain(carver, job, s.plain);
  return carver.used;
}

template <class S>
inline bool run_lanes(const Job& job, index_t first, index_t last, std::byte* scratch) {
  Lanes<S> s;
  carve_lanes(scratch, job, s);
  if (scores_within(job)) return score_within<S>(job, first, last, s.within);
  if (job.matrix == nullptr && !score_across_any<S>(job, first, last, s.across)) return false;
  if (!needs_plain(job)) return true;
  for (index_t i = first; i < last; ++i) {
    if (scores_across(job, job.chunk.patch_count(i))) continue;
    if (!score_plain(job, i, s.plain)) return false;
  }
  return true;
}

/// Both arithmetics.
template <int kBytes>
inline bool run_job(const Job& job, index_t first, index_t last, std::byte* scratch) {
  return job.options.precision == Precision::single
             ? run_lanes<Simd<float, kBytes>>(job, first, last, scratch)
             : run_lanes<Simd<double, kBytes>>(job, first, last, scratch);
}

template <int kBytes>
inline std::size_t scratch_of(const Job& job) {
  Lanes<Simd<float, kBytes>> floats;
  Lanes<Simd<double, kBytes>> doubles;
  return job.options.precision == Precision::single ? carve_lanes(nullptr, job, floats)
                                                    : carve_lanes(nullptr, job, doubles);
}
