// SPDX-License-Identifier: Apache-2.0
#include "src/c/convert.hpp"

#include "src/c/guard.hpp"

namespace aift::capi {

namespace {

/// A number of the C interface as the enumeration it stands for, whose values are 0 .. count - 1.
template <class Enum>
Enum read_enum(std::int32_t value, std::int32_t count, const char* name) {
  AIFT_EXPECT(value >= 0 && value < count, ValueError, "{} must be between 0 and {}; got {}.", name,
              count - 1, value);
  return static_cast<Enum>(value);
}

static_assert(static_cast<int>(DType::f64) == AIFT_F64 &&
              static_cast<int>(DType::f32) == AIFT_F32 &&
              static_cast<int>(DType::f16) == AIFT_F16 &&
              static_cast<int>(DType::bf16) == AIFT_BF16);
static_assert(static_cast<int>(PredictionKind::probabilities) == AIFT_PROBABILITIES &&
              static_cast<int>(PredictionKind::logits) == AIFT_LOGITS);
static_assert(static_cast<int>(EntropyAggregation::sum) == AIFT_ENTROPY_SUM &&
              static_cast<int>(EntropyAggregation::mean) == AIFT_ENTROPY_MEAN);
static_assert(static_cast<int>(PairCounting::ordered) == AIFT_PAIRS_ORDERED &&
              static_cast<int>(PairCounting::unordered) == AIFT_PAIRS_UNORDERED);
static_assert(static_cast<int>(Precision::double_) == AIFT_DOUBLE &&
              static_cast<int>(Precision::single) == AIFT_SINGLE);

}  // namespace

PatchPredictions read_predictions(const aift_predictions* given) {
  aift_predictions defaults;
  aift_predictions_init(&defaults);
  const auto read = read_struct(given, defaults, "aift_predictions", sizeof(aift_predictions));
  PatchPredictions p;
  p.values = read.values;
  p.dtype = read_enum<DType>(read.dtype, 4, "dtype");
  p.kind = read_enum<PredictionKind>(read.kind, 2, "kind");
  p.candidates = read.candidates;
  p.classes = read.classes;
  p.offsets = read.offsets;
  if (read.offsets == nullptr) {
    AIFT_EXPECT(read.candidates >= 0 && read.patches >= 0, ShapeError,
                "candidates and patches must be at least 0; got {} and {}.", read.candidates,
                read.patches);
    AIFT_EXPECT(read.patches == 0 || read.candidates <= INT64_MAX / 2 / read.patches, ShapeError,
                "candidates x patches is more than any memory holds; got {} x {}.", read.candidates,
                read.patches);
    p.patches = read.patches;
    p.rows = read.candidates * read.patches;
  } else {
    p.rows = read.rows;
  }
  return p;
}

ScoreOptions read_options(const aift_score_options* given) {
  aift_score_options defaults;
  aift_score_options_init(&defaults);
  if (given == nullptr) given = &defaults;
  const auto read = read_struct(given, defaults, "aift_score_options", sizeof(aift_score_options));
  ScoreOptions options;
  options.alpha = read.alpha;
  options.lambda1 = read.lambda1;
  options.lambda2 = read.lambda2;
  options.eps = read.eps;
  options.entropy = read_enum<EntropyAggregation>(read.entropy, 2, "entropy");
  options.pairs = read_enum<PairCounting>(read.pairs, 2, "pairs");
  options.precision = read_enum<Precision>(read.precision, 2, "precision");
  options.validate();
  return options;
}

}  // namespace aift::capi

extern "C" {

void aift_predictions_init(aift_predictions* predictions) {
  if (predictions == nullptr) return;
  *predictions = aift_predictions{};
  predictions->struct_size = sizeof(aift_predictions);
}

void aift_score_options_init(aift_score_options* options) {
  if (options == nullptr) return;
  const aift::ScoreOptions defaults;
  *options = aift_score_options{};
  options->struct_size = sizeof(aift_score_options);
  options->alpha = defaults.alpha;
  options->lambda1 = defaults.lambda1;
  options->lambda2 = defaults.lambda2;
  options->eps = defaults.eps;
  options->entropy = static_cast<int32_t>(defaults.entropy);
  options->pairs = static_cast<int32_t>(defaults.pairs);
  options->precision = static_cast<int32_t>(defaults.precision);
}

}  // extern "C"
