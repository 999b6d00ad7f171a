// SPDX-License-Identifier: Apache-2.0
#include <aift/adapters/libtorch.hpp>

#include <torch/torch.h>

#include "support/catch.hpp"

using namespace aift;

TEST_CASE("A tensor of LibTorch is viewed where it lies") {
  const at::Tensor tensor = torch::full({2, 3, 4}, 0.25, torch::kFloat);
  const PatchPredictions p = adapters::predictions_view(tensor, PredictionKind::probabilities);
  CHECK(p.values == tensor.const_data_ptr());
  CHECK(p.rows == 6);
  CHECK(p.dtype == DType::f32);
  CHECK(p.place == Place::host);
  CHECK(adapters::predictions_view(tensor.to(torch::kBFloat16), PredictionKind::logits).dtype ==
        DType::bf16);
  CHECK_THROWS_AS(adapters::predictions_view(tensor.transpose(0, 1), PredictionKind::logits), ShapeError);
  CHECK_THROWS_AS(adapters::predictions_view(tensor[0], PredictionKind::logits), ShapeError);
  CHECK_THROWS_AS(adapters::predictions_view(tensor.to(torch::kInt), PredictionKind::logits), ValueError);
  CHECK_THROWS_AS(adapters::predictions_view(at::Tensor(), PredictionKind::logits), ShapeError);
  CHECK(adapters::features_view(tensor[0]).data() == tensor.const_data_ptr<float>());
}
