// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, inside an anonymous namespace, after every
// header it needs. Functions of other headers must be inlined always (AIFT_MATH) or not be
// templates, so that no code of this instruction set leaks into the rest of the program: no
// std::min here.

inline index_t smaller(index_t a, index_t b) { return a < b ? a : b; }

/// Cuts memory into arrays, each beginning a cache line.
struct Carver {
  std::byte* bytes;
  std::size_t used = 0;
  template <class Element>
  void take(Element*& array, std::size_t count) {
    array = bytes == nullptr ? nullptr : reinterpret_cast<Element*>(bytes + used);
    used += (count * sizeof(Element) + 63) / 64 * 64;
  }
};

/// Working memory of one candidate in the plain loop.
template <class T>
struct Scratch {
  T* input;            // [q, K] predictions in T, when they are of another type
  T* p;                // [q, K] probabilities made from logits
  T* w;                // [q, K] logits less their maximum
  T* base;             // [q] entropy of each patch, from logits
  T* kept_p;           // [m, K] probabilities of the kept patches
  T* kept_v;           // [m, K] their logarithms, or w
  T* entropies;        // [m]
  T* confidence;       // [q] column of the dominant class
  T* copy;             // [q]
  T* class_a;          // [K] sums over patches
  T* class_b;          // [K]
  T* block_a;          // [K] sums over one block of patches
  T* block_b;          // [K]
  std::int32_t* kept;  // [m] ascending
};

template <class T>
inline void carve_plain(Carver& carver, const Job& job, Scratch<T>& s) {
  const std::size_t q = static_cast<std::size_t>(job.most_patches);
  const std::size_t k = static_cast<std::size_t>(job.chunk.classes);
  const bool logits = job.chunk.kind == PredictionKind::logits;
  const bool direct = job.chunk.dtype == dtype_of<T>::value;
  const double alpha = job.patch_entropy != nullptr ? 1.0 : job.options.alpha;
  const std::size_t m =
      static_cast<std::size_t>(kept_count(job.most_patches > 0 ? job.most_patches : 1, alpha));
  carver.take(s.input, direct ? 0 : q * k);
  carver.take(s.p, logits ? q * k : 0);
  carver.take(s.w, logits ? q * k : 0);
  carver.take(s.base, q);
  carver.take(s.kept_p, m * k);
  carver.take(s.kept_v, m * k);
  carver.take(s.entropies, m);
  carver.take(s.confidence, q);
  carver.take(s.copy, q);
  carver.take(s.class_a, k);
  carver.take(s.class_b, k);
  carver.take(s.block_a, k);
  carver.take(s.block_b, k);
  carver.take(s.kept, m);
}

// ------------------------------------------------------------------ reading and refusing

template <class In, class T>
inline T convert(In x) {
  if constexpr (std::is_same_v<In, half_t> || std::is_same_v<In, bfloat16_t>) {
    return static_cast<T>(to_float(x));
  } else {
    return static_cast<T>(x);
  }
}

/// call(In{}) with the type that `dtype` names.
template <class Call>
AIFT_MATH auto with_type(DType dtype, const Call& call) {
  switch (dtype) {
    case DType::f64:
      return call(double{});
    case DType::f32:
      return call(float{});
    case DType::f16:
      return call(half_t{});
    case DType::bf16:
      break;
  }
  return call(bfloat16_t{});
}

/// The rows of a candidate in T: as they lie in memory where the type is the same.
template <class T>
inline const T* read_rows(const PatchPredictions& chunk, index_t first_row, index_t rows, T* out) {
  const index_t first = first_row * chunk.classes;
  const index_t count = rows * chunk.classes;
  if (chunk.dtype == dtype_of<T>::value) return static_cast<const T*>(chunk.values) + first;
  with_type(chunk.dtype, [&]<class In>(In) {
    const In* in = static_cast<const In*>(chunk.values) + first;
    for (index_t i = 0; i < count; ++i)
      out[i] = convert<In, T>(in[i]);
  });
  return out;
}

/// Where the rows of a candidate begin.
inline const std::byte* rows_of(const PatchPredictions& chunk, index_t candidate) {
  return static_cast<const std::byte*>(chunk.values) +
         static_cast<std::size_t>(chunk.row_begin(candidate) * chunk.classes) *
             bytes_of(chunk.dtype);
}

template <class T>
inline T magnitude(T x) {
  return x < T{0} ? -x : x;
}

/// Whether all rows are probabilities.
template <class T>
inline bool are_probabilities(const T* p, index_t q, index_t classes, T tolerance, T least) {
  // `least` is 0, or the smallest positive number where an exact 0 has no logarithm.
  unsigned bad = 0;
  const index_t count = q * classes;
  for (index_t i = 0; i < count; ++i)
    bad |= static_cast<unsigned>(!(p[i] >= least));
  if (classes == 2) {
    for (index_t j = 0; j < q; ++j) {
      bad |= static_cast<unsigned>(!(magnitude((p[2 * j] + p[2 * j + 1]) - T{1}) <= tolerance));
    }
  } else {
    for (index_t j = 0; j < q; ++j) {
      const T sum = math::class_sum(p + j * classes, classes);
      bad |= static_cast<unsigned>(!(magnitude(sum - T{1}) <= tolerance));
    }
  }
  return bad == 0;
}

template <class T>
inline bool are_finite(const T* z, index_t count) {
  unsigned bad = 0;
  for (index_t i = 0; i < count; ++i) {
    bad |= static_cast<unsigned>(!(magnitude(z[i]) <= std::numeric_limits<T>::max()));
  }
  return bad == 0;
}

// ------------------------------------------------------------------ one candidate

/// Sums of every class over patches, in the order of math/sum.hpp; `origin` is subtracted first.
template <class T>
inline void sum_over_patches(const T* x, index_t patches, index_t classes, const T* origin, T* sum,
                             T* block) {
  if (classes == 2) {
    const T a0 = origin == nullptr ? T{0} : origin[0];
    const T b0 = origin == nullptr ? T{0} : origin[1];
    T total_a = 0;
    T total_b = 0;
    for (index_t first = 0; first < patches; first += math::kPatchBlock) {
      const index_t last = smaller(patches, first + math::kPatchBlock);
      T a = 0;
      T b = 0;
      for (index_t j = first; j < last; ++j) {
        a += x[2 * j] - a0;
        b += x[2 * j + 1] - b0;
      }
      total_a += a;
      total_b += b;
    }
    sum[0] = total_a;
    sum[1] = total_b;
    return;
  }
  for (index_t k = 0; k < classes; ++k)
    sum[k] = T{0};
  for (index_t first = 0; first < patches; first += math::kPatchBlock) {
    const index_t last = smaller(patches, first + math::kPatchBlock);
    for (index_t k = 0; k < classes; ++k)
      block[k] = T{0};
    for (index_t j = first; j < last; ++j) {
      const T* row = x + j * classes;
      if (origin == nullptr) {
        for (index_t k = 0; k < classes; ++k)
          block[k] += row[k];
      } else {
        for (index_t k = 0; k < classes; ++k)
          block[k] += row[k] - origin[k];
      }
    }
    for (index_t k = 0; k < classes; ++k)
      sum[k] += block[k];
  }
}

/// Sum of one number per patch, in the same order.
template <class T>
inline T sum_of_patches(const T* x, index_t patches) {
  T total = 0;
  for (index_t first = 0; first < patches; first += math::kPatchBlock) {
    const index_t last = smaller(patches, first + math::kPatchBlock);
    T block = 0;
    for (index_t j = first; j < last; ++j)
      block += x[j];
    total += block;
  }
  return total;
}

template <class T>
inline index_t index_of_largest(const T* x, index_t count) {
  index_t best = 0;
  for (index_t k = 1; k < count; ++k) {
    if (x[k] > x[best]) best = k;
  }
  return best;
}

/// Logits further apart than this are as good as certain; the bound keeps 0 * w a number.
template <class T>
inline constexpr T kFloor = std::is_same_v<T, double> ? static_cast<T>(-0x1p500)
                                                      : static_cast<T>(-0x1p100);

/// Probabilities, w and entropies of every patch from logits, without a logarithm per value: with
/// E = exp(w), r the sum of E but for the first of the largest, P = E / (1 + r) and
///   H = log1p(r) - (sum_k E w) / (1 + r)
template <class T>
inline void softmax_rows(const T* z, index_t q, index_t classes, Scratch<T>& s) {
  for (index_t j = 0; j < q; ++j) {
    const T* row = z + j * classes;
    T* w = s.w + j * classes;
    T largest = row[0];
    for (index_t k = 1; k < classes; ++k)
      largest = row[k] > largest ? row[k] : largest;
    for (index_t k = 0; k < classes; ++k) {
      const T x = row[k] - largest;
      w[k] = x < kFloor<T> ? kFloor<T> : x;
    }
  }
  const index_t count = q * classes;
  for (index_t i = 0; i < count; ++i)
    s.p[i] = math::exp_nonpositive(s.w[i]);
  for (index_t j = 0; j < q; ++j) {
    T* p = s.p + j * classes;
    const T* w = s.w + j * classes;
    const index_t top = index_of_largest(w, classes);
    p[top] = T{0};
    const T r = math::class_sum(p, classes);
    p[top] = T{1};
    const T inverse = T{1} / (T{1} + r);
    s.base[j] = math::fma(-math::class_dot(p, w, classes), inverse, math::log1p(r));
    for (index_t k = 0; k < classes; ++k)
      p[k] *= inverse;
  }
}

/// Patches of the majority, ascending, into s.kept.
template <class T>
inline void keep_majority(const T* p, index_t q, index_t classes, index_t dominant, index_t m,
                          Scratch<T>& s) {
  for (index_t j = 0; j < q; ++j)
    s.confidence[j] = p[j * classes + dominant];
  if (m == q) {
    for (index_t j = 0; j < q; ++j)
      s.kept[j] = static_cast<std::int32_t>(j);
    return;
  }
  constexpr index_t kCount = 64;  // up to here counting who is ahead is quicker than selecting
  if (q > kCount) {
    keep_largest(s.confidence, q, m, s.copy, s.kept);
    return;
  }
  index_t held = 0;
  const T* c = s.confidence;
  for (index_t j = 0; j < q; ++j) {
    const T mine = c[j];
    int ahead = 0;
    for (index_t l = 0; l < j; ++l)
      ahead += c[l] >= mine ? 1 : 0;
    for (index_t l = j + 1; l < q; ++l)
      ahead += c[l] > mine ? 1 : 0;
    if (ahead < m) s.kept[held++] = static_cast<std::int32_t>(j);
  }
}

/// sum_k sum_j (P_jk - mean_k P)(V_jk - mean_k V) over m patches. Deviations are taken from the
/// first patch, and the mean deviation from those: equal patches give exactly 0. Leaves mean_k P -
/// P_0k in s.class_a.
template <class T>
inline T centred_product(const T* p, const T* v, index_t m, index_t classes, Scratch<T>& s) {
  const T share = T{1} / static_cast<T>(m);
  sum_over_patches(p, m, classes, p, s.class_a, s.block_a);
  sum_over_patches(v, m, classes, v, s.class_b, s.block_b);
  for (index_t k = 0; k < classes; ++k)
    s.class_a[k] *= share;
  for (index_t k = 0; k < classes; ++k)
    s.class_b[k] *= share;
  if (classes == 2) {
    const T p0 = p[0];
    const T p1 = p[1];
    const T v0 = v[0];
    const T v1 = v[1];
    const T mp0 = s.class_a[0];
    const T mp1 = s.class_a[1];
    const T mv0 = s.class_b[0];
    const T mv1 = s.class_b[1];
    T total0 = 0;
    T total1 = 0;
    for (index_t first = 0; first < m; first += math::kPatchBlock) {
      const index_t last = smaller(m, first + math::kPatchBlock);
      T block0 = 0;
      T block1 = 0;
      for (index_t j = first; j < last; ++j) {
        block0 = math::fma((p[2 * j] - p0) - mp0, (v[2 * j] - v0) - mv0, block0);
        block1 = math::fma((p[2 * j + 1] - p1) - mp1, (v[2 * j + 1] - v1) - mv1, block1);
      }
      total0 += block0;
      total1 += block1;
    }
    return (total0 + total1) + T{0};
  }
  T* const sum = s.block_b;
  T* const block = s.block_a;
  for (index_t k = 0; k < classes; ++k)
    sum[k] = T{0};
  for (index_t first = 0; first < m; first += math::kPatchBlock) {
    const index_t last = smaller(m, first + math::kPatchBlock);
    for (index_t k = 0; k < classes; ++k)
      block[k] = T{0};
    for (index_t j = first; j < last; ++j) {
      const T* pj = p + j * classes;
      const T* vj = v + j * classes;
      for (index_t k = 0; k < classes; ++k) {
        block[k] =
            math::fma((pj[k] - p[k]) - s.class_a[k], (vj[k] - v[k]) - s.class_b[k], block[k]);
      }
    }
    for (index_t k = 0; k < classes; ++k)
      sum[k] += block[k];
  }
  return math::class_sum(sum, classes);
}

/// v = ln(p + eps) over `count` values. The quick form where no argument can be subnormal: the same
/// bits.
template <class T>
inline void log_values(const T* p, index_t count, T eps, T* v) {
  if (eps >= std::numeric_limits<T>::min()) {
    for (index_t i = 0; i < count; ++i)
      v[i] = math::log_normal_lane<math::Lane<T>>(p[i] + eps);
  } else {
    for (index_t i = 0; i < count; ++i)
      v[i] = math::log(p[i] + eps);
  }
}

/// The pairwise half of a sum over at most kClassLanes classes; `partial` [K] is overwritten. As
/// math::add_partials, which would add the zeros of the missing ones too.
template <class V>
AIFT_MATH V add_tree(V* partial, index_t classes) {
  for (index_t stride = math::class_width(classes) / 2; stride > 0; stride /= 2) {
    for (index_t a = 0; a < stride && a + stride < classes; ++a)
      partial[a] += partial[a + stride];
  }
  return partial[0];
}

/// Entropy of the mean prediction over a lane type (of more than one lane: at most kClassLanes
/// classes): eps as everywhere, or 0 ln 0 = 0 in the form without eps. `logs` is working memory of
/// K numbers.
template <class L>
inline typename L::Real mean_entropy(const typename L::Real* mean, index_t classes, bool logits,
                                     typename L::Scalar eps, typename L::Real* logs) {
  using T = typename L::Scalar;
  const auto zero = L::real(T{0});
  for (index_t k = 0; k < classes; ++k) {
    logs[k] = logits ? L::select(L::less(zero, mean[k]), math::log_lane<L>(mean[k]), zero)
                     : math::log_lane<L>(mean[k] + L::real(eps));
  }
  if constexpr (std::is_same_v<typename L::Real, T>) {
    return -math::class_dot(mean, logs, classes);
  } else {
    for (index_t k = 0; k < classes; ++k)
      logs[k] = L::fma(mean[k], logs[k], zero);
    return -add_tree(logs, classes);
  }
}

/// R over the kept patches, row-major.
template <class T>
inline void write_matrix(const Job& job, const Scratch<T>& s, const T* p, const T* v, index_t m,
                         T* difference_p, T* difference_v, double* cells) {
  const index_t classes = job.chunk.classes;
  const T lambda1 = static_cast<T>(job.options.lambda1);
  const T lambda2 = static_cast<T>(job.options.lambda2);
  for (index_t j = 0; j < m; ++j) {
    cells[j * m + j] = static_cast<double>(lambda1 * s.entropies[j]);
    for (index_t l = j + 1; l < m; ++l) {
      for (index_t k = 0; k < classes; ++k) {
        difference_p[k] = p[j * classes + k] - p[l * classes + k];
        difference_v[k] = v[j * classes + k] - v[l * classes + k];
      }
      const T d = math::class_dot(difference_p, difference_v, classes);
      const double cell = static_cast<double>(lambda2 * (d > T{0} ? d : T{0}));
      cells[j * m + l] = cell;
      cells[l * m + j] = cell;
    }
  }
}

/// Numbers of a job that every layout needs, in its arithmetic.
template <class T>
struct Terms {
  T eps;
  T tolerance;  // of the sum of a row
  T least;      // smallest probability that is taken: an exact 0 has no logarithm without eps
};

template <class T>
inline Terms<T> terms_of(const Job& job) {
  const T eps = static_cast<T>(job.options.eps);
  return {eps, static_cast<T>(job.chunk.dtype == DType::bf16 ? 1e-2 : 1e-3),
          eps > T{0} ? T{0} : std::numeric_limits<T>::denorm_min()};
}

/// What ranks a candidate, and the two numbers beside it.
template <class L>
struct Outcome {
  typename L::Real score;
  typename L::Real entropy;
  typename L::Real diversity;
};

/// Scores over a lane type from the sums over m kept patches. `mean` [K] holds their mean
/// prediction, `logs` [K] is working memory; the limits of mean_entropy hold.
template <class L>
inline Outcome<L> outcome_of(const Job& job, index_t m, typename L::Real entropy_sum,
                             typename L::Real product, const typename L::Real* mean,
                             typename L::Real* logs) {
  using T = typename L::Scalar;
  const index_t classes = job.chunk.classes;
  const auto zero = L::real(T{0});
  const auto one = L::real(T{1});
  const auto entropy_mean = entropy_sum / L::real(static_cast<T>(m));
  const T pairs = job.options.pairs == PairCounting::ordered ? T{2} : T{1};
  const auto raw_diversity = L::real(pairs * static_cast<T>(m)) * product;
  Outcome<L> out;
  out.entropy = job.options.entropy == EntropyAggregation::mean ? entropy_mean : entropy_sum;
  // Never negative but by rounding.
  out.diversity = L::select(L::less(zero, raw_diversity), raw_diversity, zero);
  switch (job.kind) {
    case ScoreKind::entropy:
      out.score = out.entropy;
      break;
    case ScoreKind::diversity:
      out.score = out.diversity;
      break;
    case ScoreKind::aift:
      out.score = L::real(static_cast<T>(job.options.lambda1)) * out.entropy +
                  L::real(static_cast<T>(job.options.lambda2)) * out.diversity;
      break;
    case ScoreKind::bald:
      out.score = mean_entropy<L>(mean, classes, job.chunk.kind == PredictionKind::logits,
                                  terms_of<T>(job).eps, logs) -
                  entropy_mean;
      break;
    case ScoreKind::least_confidence:
    case ScoreKind::margin: {
      const auto larger = [](auto a, auto b) { return L::select(L::less(a, b), b, a); };
      const auto smaller_one = [](auto a, auto b) { return L::select(L::less(a, b), a, b); };
      auto first = larger(mean[0], mean[1]);
      auto second = smaller_one(mean[0], mean[1]);
      for (index_t k = 2; k < classes; ++k) {
        second = larger(second, smaller_one(first, mean[k]));
        first = larger(first, mean[k]);
      }
      out.score = job.kind == ScoreKind::margin ? one - (first - second) : one - first;
      break;
    }
  }
  return out;
}

/// The sums of a candidate become its row of the results; as outcome_of.
template <class T>
inline void write_scores(const Job& job, index_t i, index_t m, T entropy_sum, T product,
                         const T* mean, T* logs) {
  const auto out = outcome_of<math::Lane<T>>(job, m, entropy_sum, product, mean, logs);
  job.score[i] = static_cast<double>(out.score);
  if (job.entropy != nullptr) job.entropy[i] = static_cast<double>(out.entropy);
  if (job.diversity != nullptr) job.diversity[i] = static_cast<double>(out.diversity);
  if (job.mean_probabilities != nullptr) {
    double* const means = job.mean_probabilities + i * job.chunk.classes;
    for (index_t k = 0; k < job.chunk.classes; ++k)
      means[k] = static_cast<double>(mean[k]);
  }
}

/// Kept patches of a candidate with q of them; patch entropies are of all.
inline index_t kept_of(const Job& job, index_t q) {
  return job.patch_entropy != nullptr ? q : kept_count(q, job.options.alpha);
}

/// The kept patches, ascending in `kept`, in the orders that are asked for.
template <class T>
inline void write_kept(const Job& job, index_t i, const T* confidence, const std::int32_t* kept,
                       index_t m) {
  const index_t begin = kept_begin(job, i);
  if (job.kept != nullptr) order_by_confidence(confidence, kept, m, job.kept + begin);
  if (job.kept_ascending != nullptr) {
    for (index_t j = 0; j < m; ++j)
      job.kept_ascending[begin + j] = kept[j];
  }
}

/// Entropies of all patches of a candidate to where they belong.
template <class T>
inline void write_patch_entropies(const Job& job, index_t i, const T* entropies, index_t stride) {
  double* const out = job.patch_entropy + (job.chunk.row_begin(i) - job.chunk.row_begin(0));
  for (index_t j = 0; j < job.chunk.patch_count(i); ++j)
    out[j] = static_cast<double>(entropies[j * stride]);
}

/// One candidate, patch by patch; false when its predictions are refused.
template <class T>
inline bool score_plain(const Job& job, index_t i, Scratch<T>& s) {
  const PatchPredictions& chunk = job.chunk;
  const index_t classes = chunk.classes;
  const bool logits = chunk.kind == PredictionKind::logits;
  const bool every_patch = job.patch_entropy != nullptr;
  const Terms<T> terms = terms_of<T>(job);
  const index_t first_row = chunk.row_begin(i);
  const index_t q = chunk.patch_count(i);
  const index_t m = kept_of(job, q);
  const T* const input = read_rows(chunk, first_row, q, s.input);
  const bool good = logits ? are_finite(input, q * classes)
                           : are_probabilities(input, q, classes, terms.tolerance, terms.least);
  if (!good) return false;
  if (logits) softmax_rows(input, q, classes, s);
  const T* const p = logits ? s.p : input;

  // Who speaks for the candidate.
  sum_over_patches<T>(p, q, classes, nullptr, s.class_a, s.block_a);
  const index_t dominant = index_of_largest(s.class_a, classes);
  keep_majority(p, q, classes, dominant, m, s);
  if (job.dominant != nullptr) job.dominant[i] = static_cast<label_t>(dominant);
  write_kept(job, i, s.confidence, s.kept, m);
  if (job.score == nullptr && job.matrix == nullptr && !every_patch) return true;

  // Their probabilities P and values V (logarithms, or w), and the entropy of each.
  const T* kept_p = p;
  const T* kept_v = logits ? s.w : s.kept_v;
  if (m < q) {
    for (index_t j = 0; j < m; ++j) {
      const T* from = p + static_cast<index_t>(s.kept[j]) * classes;
      for (index_t k = 0; k < classes; ++k)
        s.kept_p[j * classes + k] = from[k];
    }
    kept_p = s.kept_p;
    if (logits) {
      for (index_t j = 0; j < m; ++j) {
        const T* from = s.w + static_cast<index_t>(s.kept[j]) * classes;
        for (index_t k = 0; k < classes; ++k)
          s.kept_v[j * classes + k] = from[k];
      }
      kept_v = s.kept_v;
    }
  }
  if (!logits) log_values(kept_p, m * classes, terms.eps, s.kept_v);
  for (index_t j = 0; j < m; ++j) {
    s.entropies[j] =
        logits ? s.base[s.kept[j]]
               : T{0} - math::class_dot(kept_p + j * classes, kept_v + j * classes, classes);
  }
  if (every_patch) {
    write_patch_entropies(job, i, s.entropies, 1);
    return true;
  }
  if (job.matrix != nullptr) {
    write_matrix(job, s, kept_p, kept_v, m, s.block_a, s.block_b, job.matrix + cell_begin(job, i));
    return true;
  }
  const T entropy_sum = sum_of_patches(s.entropies, m);
  const T product = centred_product(kept_p, kept_v, m, classes, s);
  T* const mean = s.class_a;
  for (index_t k = 0; k < classes; ++k)
    mean[k] += kept_p[k];
  write_scores(job, i, m, entropy_sum, product, mean, s.block_a);
  return true;
}

/// Two roundings, unless a compiler contracted them.
inline double probe(double a, double b, double c) { return a * b + c; }
