// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>
#include <aift/core/types.hpp>
#include <aift/score/score_table.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// What is made of a pool on a device, and what of it shall come back.
struct DeviceRequest {
  index_t views = 1;                      ///< q: plans of every candidate, at least 1
  index_t batch = 1;                      ///< patches per forward pass, at most; at least 1
  bool logits = false;                    ///< of every patch
  bool features = false;                  ///< of every patch
  bool mean_probabilities = false;        ///< over the q patches of a candidate
  bool mean_features = false;             ///< over the q patches of a candidate
  std::optional<ScoreRecipe> score = {};  ///< of every candidate, from its logits
};

/// What came back of one batch, in host memory: empty where it was not asked for.
struct DeviceResults {
  index_t candidates = 0;                      ///< n
  std::span<const float> logits;               ///< [n, q, K]
  std::span<const float> features;             ///< [n, q, d]
  std::span<const double> mean_probabilities;  ///< [n, K]
  std::span<const float> mean_features;        ///< [n, d]
  const ScoreTable* scores = nullptr;          ///< n rows, from the logits
};

/// A pool on its way through a device, batch by batch.
///
/// thread rule: one thread
class DevicePass {
 public:
  virtual ~DevicePass() = default;
  /// Queues rendering, forward pass and score of one batch of candidates and returns at once;
  /// `images` and `plans` may change as soon as it has returned. At most two batches may wait.
  ///
  /// images  [n] in host memory, n >= 1
  /// plans   [n q], those of image 0 first
  /// throws  ShapeError, ValueError (images, plans), what the device throws
  virtual void submit(std::span<const ImageView> images, std::span<const PatchPlan> plans) = 0;
  /// Waits for the results of the batch that was submitted first; they are valid until the next call
  /// of submit() or collect().
  /// throws  ValueError as the score, candidates counted over all batches; what the device throws
  virtual const DeviceResults& collect() = 0;
};

/// What a model offers that lives on a device and can make patches from images there: pixels go to
/// the device, and O(1) numbers per candidate come back. predict_pool and summarise_pool use it
/// wherever the augmenter says that its patches are BatchRenderer's (Augmenter::images).
class DevicePipeline {
 public:
  virtual ~DevicePipeline() = default;
  /// throws ValueError: views or batch below 1, features that the model does not give
  [[nodiscard]] virtual std::unique_ptr<DevicePass> begin(const DeviceRequest& request) const = 0;
};

}  // namespace aift
