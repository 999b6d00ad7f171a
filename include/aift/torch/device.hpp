// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <aift/loop/model.hpp>

namespace aift::nn {

/// Numbers of the forward pass of a network.
enum class ForwardType : std::uint8_t {
  f32,   ///< float32; on a GPU convolutions take TF32 where LibTorch's own setting allows it
  bf16,  ///< bfloat16 wherever LibTorch's autocast deems it safe; weights and head stay float32
};

/// "f32" or "bf16".
[[nodiscard]] const char* to_string(ForwardType type) noexcept;

/// The GPU that models are put on, for records: "NVIDIA H100 80GB HBM3, capability 9.0".
///
/// throws ValueError, saying what is missing: this build has no CUDA part (AIFT_BUILD_CUDA),
///        LibTorch has none, there is no GPU or its driver is too old, or this build has no code for
///        it
[[nodiscard]] std::string gpu_name();

/// A copy of the model whose weights lie on the GPU. It predicts and is fine-tuned there, and pools
/// go through it as DevicePipeline says: images are copied to the device as 8-bit pixels, rendered
/// by aift::cuda straight into the network's channels-last input, predicted with batch norm folded
/// into the convolutions where the network can (Network::compile), and scored by aift::cuda on the
/// stream of the forward pass.
///
/// forward  of prediction alone; training is float32
/// copies   clone(), with_class_names and models trained from it live on the GPU as well; files
///          that it saves are those of a CPU
/// throws   ValueError as gpu_name, and for models that are no networks of this part (TorchScript)
[[nodiscard]] std::unique_ptr<Model> on_gpu(const Model& model,
                                            ForwardType forward = ForwardType::bf16);

}  // namespace aift::nn
