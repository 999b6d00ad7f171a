// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <aift/loop/model.hpp>

namespace aift::nn {

/// What a network of the library is, for lists and checks.
struct Architecture {
  std::string name;             ///< "efficientnet_lite0"
  std::string summary;          ///< one line for people
  index_t feature_size = 0;     ///< d of the pooled features
  index_t input_size = 0;       ///< height and width it was published with, and the default
  index_t stages = 0;           ///< parts that can be frozen one after another from the input on
  std::int64_t parameters = 0;  ///< without the head
  std::string weights_file;     ///< name of the ImageNet weights below the weights folder, or empty
  PatchFormat input;            ///< published size and normalisation of the input
  index_t smallest_input = 32;  ///< smallest height and width it can be run with
};

/// The networks that make_model, load_pretrained and load_model know, sorted by name.
[[nodiscard]] const std::vector<Architecture>& architectures();

/// The architecture of this name. throws ValueError listing the known ones
[[nodiscard]] const Architecture& architecture(std::string_view name);

/// An untrained model. Convolutions are drawn as normals of variance 2 / fan-out (He et al., ICCV
/// 2015), fully connected layers before the head of variance 2 / fan-in, the head as normals of
/// standard deviation 0.01, all by Philox (Purpose::weights), so that the same seed gives the same
/// weights; batch norm is the identity, biases are zero.
///
/// classes     K >= 2 of the head
/// input_size  height = width of the patches, >= Architecture::smallest_input; 0: the
///             architecture's own
/// throws      ValueError: unknown architecture, K < 2, too small a size
[[nodiscard]] std::unique_ptr<Model> make_model(const std::string& architecture, index_t classes,
                                                index_t input_size = 0, std::uint64_t seed = 0);

/// What load_model shall know about a file that does not say it itself.
struct LoadOptions {
  /// Height = width of the patches; 0: what the file says, and for TorchScript 224.
  index_t input_size = 0;
  /// TorchScript only: normalisation of the input, (x - mean) / std with x in [0, 255].
  PatchFormat torchscript_input = {3, 0, 0, {127.0F, 127.0F, 127.0F}, {128.0F, 128.0F, 128.0F}};
  /// TorchScript only: names of the classes, or empty.
  std::vector<std::string> class_names = {};
};

/// Reads what Model::save wrote (safetensors), or a TorchScript file (.pt, .pth, .ts).
///
/// A safetensors file names its architecture; each tensor's name, type and shape is checked against
/// the network. A TorchScript file maps [n, C, H, W] float32 to logits [n, K], or to a tuple
/// (logits, features [n, d]); it is run once on zeros to learn K and d.
/// **A TorchScript file is code: loading one can run anything. Load only what is trusted.**
/// throws IoError (cannot be read, tensor missing), ShapeError naming the first tensor that does
/// not fit, ValueError (unknown architecture)
[[nodiscard]] std::unique_ptr<Model> load_model(const std::filesystem::path& file,
                                                const LoadOptions& options = {});

/// A network with pretrained weights; never runs code from the file.
///
/// weights     safetensors with the tensor names of the architecture's Python package, as
///             scripts/convert_weights.py and Model::save write them; a file that says nothing of
///             the input's normalisation has the architecture's own
/// classes     0 or the file's own number: the head of the file; another K >= 2: a new head, drawn
///             by Philox from `seed` with standard deviation 0.01 and zero bias
/// input_size  height = width, >= Architecture::smallest_input; 0: the architecture's own
/// throws      IoError, ShapeError naming the first tensor that does not fit, ValueError
[[nodiscard]] std::unique_ptr<Model> load_pretrained(const std::string& architecture,
                                                     const std::filesystem::path& weights,
                                                     index_t classes = 0, index_t input_size = 0,
                                                     std::uint64_t seed = 0);

/// Where `--weights imagenet` finds its file: $AIFT_WEIGHTS_DIR, else weights/ below
/// ${AIFT_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aift}.
[[nodiscard]] std::filesystem::path weights_folder();

/// The ImageNet weights of an architecture in weights_folder().
/// throws ValueError (unknown architecture), IoError with what to do when the file is not there
[[nodiscard]] std::filesystem::path find_weights(const std::string& architecture);

/// A copy of the model that carries these class names into the files it saves.
/// throws ShapeError when there are names but not one per class; ValueError for a model that is not
/// one of aift::nn
[[nodiscard]] std::unique_ptr<Model> with_class_names(const Model& model,
                                                      std::vector<std::string> class_names);

/// A copy of the model that carries ModelInfo::preparation into the files it saves.
/// throws ValueError for a model that is not one of aift::nn
[[nodiscard]] std::unique_ptr<Model> with_preparation(const Model& model, std::string preparation);

}  // namespace aift::nn
