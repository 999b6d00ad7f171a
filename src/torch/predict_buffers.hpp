// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/core/error.hpp>
#include <aift/loop/model.hpp>

namespace aift::nn {

/// What every Model::predict of this part is handed: ShapeError unless the sizes agree.
inline void expect_predict_buffers(const ModelInfo& info, std::span<const float> patches, index_t n,
                                   std::span<const float> logits, std::span<const float> features) {
  const PatchFormat& input = info.input;
  AIFT_EXPECT(n >= 0 && std::ssize(patches) == n * input.elements(), ShapeError,
              "{} patches of {} x {} x {} are {} values; got {}.", n, input.channels, input.height,
              input.width, n * input.elements(), patches.size());
  AIFT_EXPECT(std::ssize(logits) == n * info.classes, ShapeError,
              "Logits of {} patches and {} classes need room for {} values; got {}.", n,
              info.classes, n * info.classes, logits.size());
  AIFT_EXPECT(features.empty() || std::ssize(features) == n * info.feature_size, ShapeError,
              "The model gives {} features per patch, so features of {} patches need room for {} "
              "values or none; got {}.",
              info.feature_size, n, n * info.feature_size, features.size());
}

}  // namespace aift::nn
