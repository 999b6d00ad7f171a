// SPDX-License-Identifier: Apache-2.0
// What the GPU operators refuse before they look for a device, and what they say when there is
// none.
#include "tests/support/catch.hpp"

#include <limits>

#include <aift/core/error.hpp>
#include <aift/cuda/device.hpp>
#include <aift/cuda/features.hpp>
#include <aift/cuda/pool.hpp>
#include <aift/cuda/score.hpp>
#include <aift/cuda/top.hpp>

using namespace aift;
using Catch::Matchers::ContainsSubstring;
using cuda::DevicePredictions;

namespace {

const float kValues[48] = {};

DevicePredictions good() {
  return DevicePredictions::dense(kValues, 4, 6, 2, PredictionKind::probabilities);
}

void queue(const DevicePredictions& predictions) {
  double out[4];
  cuda::ScoreOutputs outputs;
  outputs.score = {out, 4};
  cuda::score_async(ScoreKind::aift, predictions, {}, outputs, nullptr, {}, nullptr);
}

}  // namespace

TEST_CASE("operators on a GPU refuse shapes at the call") {
  DevicePredictions p = good();
  p.classes = 1;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("at least 2 classes; got 1"));
  p = good();
  p.patches = p.most_patches = 0;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("at least one patch"));
  p = good();
  p.rows = 23;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("need as many rows; got 23"));
  p = good();
  p.candidates = -1;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("must not be negative"));
  p = DevicePredictions::dense(kValues, std::numeric_limits<index_t>::max() / 2, 6, 2,
                               PredictionKind::probabilities);
  CHECK_THROWS_AS(queue(p), ShapeError);
  p = DevicePredictions::dense(kValues, index_t{1} << 39, index_t{1} << 20, 2,
                               PredictionKind::probabilities);
  CHECK_THROWS_AS(queue(p), ShapeError);
  p = good();
  p.values = nullptr;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("got a null pointer"));
  p = good();
  p.values = reinterpret_cast<const char*>(kValues) + 1;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("aligned to 4 bytes"));
  const index_t offsets[] = {0, 6, 12};
  p = good();
  p.offsets = offsets;
  CHECK_THROWS_WITH(queue(p), ContainsSubstring("either dense"));
  ScoreOptions options;
  options.alpha = 0;
  CHECK_THROWS_AS(cuda::score_workspace_bytes(good(), options), ValueError);
}

TEST_CASE("no candidates, no work: not even a device is needed") {
  DevicePredictions p;
  p.classes = 2;
  CHECK_NOTHROW(queue(p));
  CHECK(cuda::score_workspace_bytes(p, {}) == 0);
  CHECK_NOTHROW(cuda::majority_async(p, {}, {}, nullptr, {}, nullptr));
  CHECK_NOTHROW(cuda::matrix_async(p, {}, {}, nullptr, {}, nullptr));
  CHECK_NOTHROW(cuda::patch_entropies_async(p, {}, {}, nullptr, nullptr));
  CHECK_NOTHROW(cuda::kept_offsets_async(p, 0.5, {}, {}, nullptr));
  CHECK_NOTHROW(cuda::top_b_async({}, 0, {}, {}, nullptr, {}, nullptr));
  CHECK_NOTHROW(cuda::top_update_async({}, 0, 3, {}, nullptr, {}, nullptr));
  CHECK_NOTHROW(cuda::acft_weights_async({}, {}, nullptr, nullptr));
  CHECK(cuda::top_workspace_bytes(0, 10) == 0);
  CHECK_THROWS_AS(cuda::top_state_bytes(-1), ValueError);
}

TEST_CASE("device predictions from a descriptor") {
  PatchPredictions host = PatchPredictions::dense(kValues, 4, 6, 2, PredictionKind::logits);
  CHECK_THROWS_WITH(DevicePredictions::from(host), ContainsSubstring("marked as host memory"));
  host.place = Place::device;
  const DevicePredictions dense = DevicePredictions::from(host);
  CHECK(dense.most_patches == 6);
  CHECK(dense.rows == 24);
  const index_t offsets[] = {0, 7, 9, 24};
  host.offsets = offsets;
  host.patches = 0;
  host.candidates = 3;
  CHECK_THROWS_AS(DevicePredictions::from(host), ShapeError);
  CHECK(DevicePredictions::from(host, offsets).most_patches == 15);
}

TEST_CASE("operators on features refuse shapes at the call") {
  const cuda::DeviceRows rows{{kValues, 48}, 12, 4};
  const auto k_center = [&](const cuda::DeviceRows& pool, const cuda::DeviceRows& labelled,
                            index_t budget) {
    index_t picks[2];
    cuda::k_center_async(pool, labelled, budget, {picks, 2}, {}, nullptr, {}, nullptr);
  };
  CHECK_THROWS_WITH(k_center({{kValues, 48}, 12, 5}, {}, 2), ContainsSubstring("got 48"));
  CHECK_THROWS_WITH(k_center({{kValues, 48}, 12, 0}, {}, 2), ContainsSubstring("one column"));
  CHECK_THROWS_WITH(k_center({{kValues, 48}, -1, 4}, {}, 2), ContainsSubstring("got -1"));
  CHECK_THROWS_WITH(k_center({{nullptr, 48}, 12, 4}, {}, 2), ContainsSubstring("null pointer"));
  CHECK_THROWS_WITH(k_center({{kValues, 48}, index_t{1} << 31, 4}, {}, 2),
                    ContainsSubstring("2147483647 rows"));
  CHECK_THROWS_AS(k_center(rows, {}, -1), ShapeError);
  CHECK_NOTHROW(k_center({}, {}, 0));
  cuda::KMeansOutput out;
  const auto k_means = [&](index_t clusters, index_t iterations) {
    cuda::k_means_async({}, clusters, KeyedRandom(1, Purpose::selection), iterations, out, nullptr,
                        {}, nullptr);
  };
  CHECK_THROWS_WITH(k_means(0, 10), ContainsSubstring("clusters; got 0"));
  CHECK_THROWS_WITH(k_means(2, 0), ContainsSubstring("iterations; got 0"));
  CHECK_NOTHROW(k_means(2, 1));  // no rows, nothing to do
  CHECK_NOTHROW(cuda::squared_distances_async({}, {}, {}, nullptr, nullptr));
  CHECK(cuda::k_center_workspace_bytes(0, 0, 0) == 0);
  CHECK(cuda::k_center_workspace_bytes(1000, 8, 10) >= 1000 * sizeof(float));
  CHECK(cuda::k_means_workspace_bytes(1000, 8, 10, 5) >= 1000 * sizeof(index_t));
  CHECK_THROWS_AS(cuda::k_means_workspace_bytes(10, index_t{1} << 21, 2, 5), ShapeError);
}

TEST_CASE("the status word keeps candidate, patch and fault") {
  CHECK_FALSE(cuda::decode({cuda::kStatusClean}).has_value());
  const auto offense = cuda::decode(
      {cuda::pack_status(cuda::kMaxStatusCandidate, 1048575, cuda::FaultCode::row_sum)});
  REQUIRE(offense.has_value());
  CHECK(offense->candidate == cuda::kMaxStatusCandidate);
  CHECK(offense->patch == 1048575);
  CHECK(offense->fault == cuda::FaultCode::row_sum);
  CHECK(cuda::pack_status(3, 9, cuda::FaultCode::score) <
        cuda::pack_status(4, 0, cuda::FaultCode::not_finite));
}

TEST_CASE("without a device the error says so") {
  try {
    (void)cuda::score_policy(good(), {});
    test::skip("there is a CUDA device");
  } catch (const DeviceError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("cudaError"));
  }
}

TEST_CASE("a pool in host memory: shapes first, then a device is looked for") {
  PatchPredictions p = PatchPredictions::dense(kValues, 4, 6, 2, PredictionKind::logits);
  const score::PoolScoring how;
  try {
    const std::string name = cuda::current_device().name;  // not within CHECK, which would catch
    const index_t scored = cuda::score_pool(p, how).size();
    CHECK_FALSE(name.empty());
    CHECK(scored == 4);
  } catch (const DeviceError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("cudaError"));
    CHECK_THROWS_AS(cuda::score_pool(p, how), DeviceError);
  }
}
