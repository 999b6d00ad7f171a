// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/io/safetensors.hpp>
#include <aift/loop/linear_probe.hpp>
#include <aift/loop/model.hpp>

// [begin model]
/// What your runtime does: n patches [n, C, H, W] to features [n, d]. With ONNX Runtime that is one
/// Session::Run on an exported network whose last layer was left out.
using Body =
    std::function<void(std::span<const float> patches, aift::index_t n, std::span<float> features)>;

/// A network that another runtime computes up to its features, with a linear layer of ours behind.
class RuntimeModel final : public aift::Model {
 public:
  RuntimeModel(Body body, aift::ModelInfo info, aift::LinearProbe head)
      : body_(std::move(body)), info_(std::move(info)), head_(std::move(head)) {
    AIFT_EXPECT(head_.classes == info_.classes && head_.features == info_.feature_size, ShapeError,
                "The head must be [{}, {}]; got [{}, {}].", info_.classes, info_.feature_size,
                head_.classes, head_.features);
  }

  const aift::ModelInfo& info() const noexcept override { return info_; }

  void predict(std::span<const float> patches, aift::index_t n, std::span<float> logits,
               std::span<float> features) const override {
    AIFT_EXPECT(std::ssize(patches) == n * info_.input.elements() &&
                    std::ssize(logits) == n * info_.classes,
                ShapeError, "{} patches must be {} values and give {} logits; got {} and {}.", n,
                n * info_.input.elements(), n * info_.classes, patches.size(), logits.size());
    std::vector<float> own;  // when the caller wants no features
    if (features.empty()) {
      own.resize(static_cast<std::size_t>(n * info_.feature_size));
      features = own;
    }
    body_(patches, n, features);
    std::vector<double> z(logits.size());
    head_.logits(features, n, z);
    std::transform(z.begin(), z.end(), logits.begin(),
                   [](double value) { return static_cast<float>(value); });
  }

  /// Only the head: the body is the same file of yours in every round.
  void save(const std::filesystem::path& file) const override {
    const std::array tensors = {aift::io::tensor_view<double>("weights", head_.weights,
                                                              {info_.classes, info_.feature_size}),
                                aift::io::tensor_view<double>("bias", head_.bias, {info_.classes})};
    aift::io::write_safetensors(file, tensors);
  }

  std::unique_ptr<aift::Model> clone() const override { return with_head(head_); }

  /// The same body with another head.
  std::unique_ptr<RuntimeModel> with_head(aift::LinearProbe head) const {
    return std::make_unique<RuntimeModel>(body_, info_, std::move(head));
  }

  /// The same body with the head that save() wrote.
  std::unique_ptr<RuntimeModel> load(const std::filesystem::path& file) const {
    const aift::io::Safetensors tensors(file);
    const std::array<aift::index_t, 2> shape = {info_.classes, info_.feature_size};
    tensors.at("weights").expect_shape(shape);
    tensors.at("bias").expect_shape(std::span(shape).first(1));
    const auto weights = tensors.at("weights").values<double>();
    const auto bias = tensors.at("bias").values<double>();
    aift::LinearProbe head;
    head.classes = info_.classes;
    head.features = info_.feature_size;
    head.weights.assign(weights.begin(), weights.end());
    head.bias.assign(bias.begin(), bias.end());
    return with_head(std::move(head));
  }

 private:
  Body body_;
  aift::ModelInfo info_;
  aift::LinearProbe head_;
};

/// A head that knows nothing: every class is equally likely.
inline aift::LinearProbe blank_head(aift::index_t classes, aift::index_t features) {
  aift::LinearProbe head;
  head.classes = classes;
  head.features = features;
  head.weights.assign(static_cast<std::size_t>(classes * features), 0.0);
  head.bias.assign(static_cast<std::size_t>(classes), 0.0);
  return head;
}
// [end model]
