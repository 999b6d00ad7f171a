// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/types.hpp>

namespace aift {

class DevicePipeline;

/// What a model is, for records and for checks.
struct ModelInfo {
  std::string architecture;              ///< "efficientnet_lite0", "torchscript", "fake", ...
  index_t classes = 0;                   ///< K of the head
  index_t feature_size = 0;              ///< d; 0: the model gives no features
  PatchFormat input;                     ///< what predict() wants
  std::vector<std::string> class_names;  ///< [K] or empty
  std::string file_type = ".safetensors";  ///< how the names of files end that save() writes
  /// How the frames it was trained on were prepared, in the words of io::FramePreparation::text, or
  /// "none"; empty: not known. Files that save() writes say so.
  std::string preparation;
};

/// A network as the loop sees it; a vendor wraps its own runtime in one (ONNX Runtime, TensorRT).
///
/// thread rule: one call at a time per object
class Model {
 public:
  virtual ~Model() = default;
  /// What it is; the same during the whole life of the object.
  [[nodiscard]] virtual const ModelInfo& info() const noexcept = 0;
  /// patches [n, C, H, W] float32 -> logits [n, K] and, unless empty, features [n, d], from one
  /// forward pass in evaluation mode. throws ShapeError
  virtual void predict(std::span<const float> patches, index_t n, std::span<float> logits,
                       std::span<float> features) const = 0;
  /// Writes one file that the application's ModelLoader reads back to the same predictions.
  virtual void save(const std::filesystem::path& file) const = 0;
  /// A copy that predicts the same and shares nothing that changes.
  [[nodiscard]] virtual std::unique_ptr<Model> clone() const = 0;
  /// How whole pools go through a model that lives on a device (loop/device_pipeline.hpp); null: by
  /// predict(), with patches rendered on the CPU. It is the model's and ends with it.
  [[nodiscard]] virtual const DevicePipeline* device_pipeline() const noexcept { return nullptr; }
};

/// Reads what Model::save wrote.
using ModelLoader = std::function<std::unique_ptr<Model>(const std::filesystem::path&)>;

}  // namespace aift
