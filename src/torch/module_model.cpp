// SPDX-License-Identifier: Apache-2.0
#include <aift/torch/module_model.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>

#include <aift/core/error.hpp>
#include <aift/core/version.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/safetensors.hpp>

#include "device_pass.hpp"
#include "forward.hpp"
#include "networks.hpp"
#include "predict_buffers.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// Patches per forward pass: activations of this many stay in the processor's cache (measured at
/// 96 px: 64 at once cost a tenth more per patch, 128 a half more).
constexpr index_t kForwardBatch = 32;
/// The same on a GPU, which wants many at once.
constexpr index_t kGpuForwardBatch = 256;

/// Tensors by name, in the network's order, without the counters of batch norm.
std::vector<std::pair<std::string, Tensor>> named_tensors(const Network& network) {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& item : network.named_parameters())
    out.emplace_back(item.key(), item.value());
  for (const auto& item : network.named_buffers()) {
    if (!item.key().ends_with("num_batches_tracked")) out.emplace_back(item.key(), item.value());
  }
  return out;
}

bool is_head(const Network& network, const Tensor& tensor) {
  const Network::Head head = network.head();
  return tensor.is_same(head.weight) || tensor.is_same(head.bias);
}

std::string shape_text(torch::IntArrayRef shape) {
  std::string text;
  for (const std::int64_t extent : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

torch::ScalarType torch_type(io::ElementType type, const std::string& name,
                             const std::string& file) {
  switch (type) {
    case io::ElementType::f32:
      return torch::kFloat32;
    case io::ElementType::f64:
      return torch::kFloat64;
    case io::ElementType::f16:
      return torch::kFloat16;
    case io::ElementType::bf16:
      return torch::kBFloat16;
    default:
      break;
  }
  AIFT_EXPECT(false, ShapeError,
              "Tensor '{}' of {} holds integers, but the network has floating point numbers there; "
              "are these weights of another architecture?",
              name, file);
  return torch::kFloat32;
}

std::string three(const std::array<float, 3>& values) {
  return io::shortest(values[0]) + " " + io::shortest(values[1]) + " " + io::shortest(values[2]);
}

/// A whole number of the metadata; `fallback` when the key is absent.
index_t whole(const io::TensorMetadata& metadata, const std::string& key, index_t fallback,
              const std::string& file) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return fallback;
  index_t value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  AIFT_EXPECT(error == std::errc() && stop == end && value >= 0 && value < (index_t{1} << 24),
              IoError, "The metadata '{}' of {} must be a whole number; got '{}'.", key, file,
              found->second);
  return value;
}

std::array<float, 3> numbers(const io::TensorMetadata& metadata, const std::string& key,
                             const std::array<float, 3>& fallback, bool positive,
                             const std::string& file) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return fallback;
  std::array<float, 3> out{};
  const char* at = found->second.data();
  const char* end = at + found->second.size();
  bool good = true;
  for (float& value : out) {
    while (at < end && *at == ' ')
      ++at;
    const auto [stop, error] = std::from_chars(at, end, value);
    good = good && error == std::errc() && std::isfinite(value) && (!positive || value > 0);
    at = stop;
  }
  AIFT_EXPECT(good && at == end, IoError,
              "The metadata '{}' of {} must be three {}numbers; got '{}'.", key, file,
              positive ? "positive " : "", found->second);
  return out;
}

/// The architecture that a file names, or nothing.
std::string architecture_of(const io::TensorMetadata& metadata) {
  const auto found = metadata.find("architecture");
  return found == metadata.end() ? "" : found->second;
}

/// The metadata of a file as model facts; the input's normalisation is that of the architecture
/// where the file does not say it.
ModelInfo info_of(const io::TensorMetadata& metadata, const ArchitectureEntry& entry,
                  const std::string& file) {
  ModelInfo info;
  info.architecture = entry.facts.name;
  info.input.mean = entry.facts.input.mean;
  info.input.std = entry.facts.input.std;
  info.classes = whole(metadata, "classes", 0, file);
  info.input.channels = whole(metadata, "input_channels", 3, file);
  info.input.height = whole(metadata, "input_height", 0, file);
  info.input.width = whole(metadata, "input_width", 0, file);
  info.input.mean = numbers(metadata, "input_mean", info.input.mean, false, file);
  info.input.std = numbers(metadata, "input_std", info.input.std, true, file);
  if (const auto found = metadata.find("frame_preparation"); found != metadata.end())
    info.preparation = found->second;
  for (index_t k = 0; metadata.contains("class_name_" + std::to_string(k)); ++k)
    info.class_names.push_back(metadata.at("class_name_" + std::to_string(k)));
  return info;
}

void check_input_size(const ArchitectureEntry& entry, index_t size) {
  AIFT_EXPECT(size >= entry.facts.smallest_input && size <= 4096, ValueError,
              "The input size of {} must be {} to 4096 pixels; got {}.", entry.facts.name,
              entry.facts.smallest_input, size);
}

/// [K, d, 1, 1]: a head that is stored as a convolution.
bool is_convolution(const io::TensorView& head) {
  return head.shape.size() == 4 && head.shape[2] == 1 && head.shape[3] == 1;
}

/// What the head of a file is: its number of rows, and how it is used.
struct StoredHead {
  index_t classes = 0;
  HeadForm form = HeadForm::linear;
};

StoredHead head_of(const io::Safetensors& weights, const ArchitectureEntry& entry,
                   const std::string& file) {
  const std::string name = entry.head_name + ".weight";
  const io::TensorView* head = weights.find(name);
  AIFT_EXPECT(head != nullptr, IoError,
              "Tensor '{}' is missing in {}; the file does not hold weights of {}.", name, file,
              entry.facts.name);
  const bool convolution = entry.convolution_head && is_convolution(*head);
  AIFT_EXPECT((head->shape.size() == 2 || convolution) && head->shape[0] >= 2, ShapeError,
              "Tensor '{}' of {} must be [classes >= 2, {}]; got {}.", name, file,
              entry.facts.feature_size, head->describe());
  return {head->shape[0], convolution ? HeadForm::rectified : HeadForm::linear};
}

void fill_from(Network& network, const io::Safetensors& weights, const std::string& file,
               std::string_view architecture, bool head, HeadForm form = HeadForm::linear) {
  std::map<std::string, bool> known;            // name -> is it read
  std::vector<std::pair<Tensor, Tensor>> plan;  // destination, source
  for (const auto& [name, tensor] : named_tensors(network)) {
    const bool wanted = head || !is_head(network, tensor);
    known[name] = wanted;
    if (!wanted) continue;
    const io::TensorView* view = weights.find(name);
    AIFT_EXPECT(view != nullptr, IoError,
                "Tensor '{}' is missing in {}; the file does not hold weights of {}.", name, file,
                architecture);
    std::vector<index_t> shape = view->shape;
    if (form == HeadForm::rectified && is_convolution(*view) && is_head(network, tensor))
      shape.resize(2);
    AIFT_EXPECT(
        std::ranges::equal(shape, tensor.sizes()), ShapeError,
        "Tensor '{}' of {} must be {} for {}; got {}; these are weights of another network.", name,
        file, shape_text(tensor.sizes()), architecture, view->describe());
    // from_blob does not write; the mapping is read only.
    const Tensor source =
        torch::from_blob(const_cast<std::byte*>(view->bytes.data()), tensor.sizes(),
                         torch::TensorOptions().dtype(torch_type(view->type, name, file)));
    AIFT_EXPECT(torch::isfinite(source).all().item<bool>(), ValueError,
                "Tensor '{}' of {} holds NaN or infinite values; the weights cannot be used.", name,
                file);
    plan.emplace_back(tensor, source);
  }
  for (const io::TensorView& view : weights.tensors()) {
    AIFT_EXPECT(known.contains(view.name) || view.name.ends_with("num_batches_tracked"), ShapeError,
                "Tensor '{}' of {} is not part of {}; the file holds weights of another network.",
                view.name, file, architecture);
  }
  const torch::NoGradGuard no_gradients;
  for (auto& [tensor, source] : plan)
    tensor.copy_(source);
}

ModelInfo library_info(const ArchitectureEntry& entry, index_t input_size) {
  ModelInfo info;
  info.architecture = entry.facts.name;
  info.input = entry.facts.input;
  if (input_size != 0) info.input.height = info.input.width = input_size;
  check_input_size(entry, info.input.height);
  return info;
}

bool is_zip(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 4> start{};
  in.read(start.data(), start.size());
  return in && start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4;
}

}  // namespace

// ------------------------------------------------------------------------------------- Network

Network::Compiled Network::compile(index_t first, index_t last) const {
  std::shared_ptr<Network> copy = make_beside(*this, head().weight.size(0));
  copy_tensors(*this, *copy);
  copy->eval();
  return [copy, first, last](const Tensor& x) {
    const torch::NoGradGuard no_gradients;
    return copy->run(x, first, last);
  };
}

void copy_tensors(const Network& from, Network& to, bool head) {
  const torch::NoGradGuard no_gradients;
  std::map<std::string, Tensor> source;
  for (auto& [name, tensor] : named_tensors(from))
    source.emplace(name, tensor);
  for (auto& [name, tensor] : named_tensors(to)) {
    if (!head && is_head(to, tensor)) continue;
    const auto found = source.find(name);
    AIFT_EXPECT(found != source.end() && found->second.sizes() == tensor.sizes(), ShapeError,
                "Tensor '{}' must be {} to be copied; the other network has {}.", name,
                shape_text(tensor.sizes()),
                found == source.end() ? "none of this name" : shape_text(found->second.sizes()));
    tensor.copy_(found->second);
  }
}

void load_tensors(Network& network, const std::filesystem::path& file,
                  std::string_view architecture, bool head) {
  fill_from(network, io::read_safetensors(file), file.string(), architecture, head);
}

// --------------------------------------------------------------------------------- ModuleModel

ModuleModel::ModuleModel(std::shared_ptr<Network> network, ModelInfo info, index_t fits,
                         HeadForm head_form, ForwardType forward)
    : network_(std::move(network)),
      info_(std::move(info)),
      fits_(fits),
      head_form_(head_form),
      forward_(forward) {
  AIFT_EXPECT(network_ != nullptr, ValueError, "A ModuleModel needs a network; got none.");
  const Network::Head head = network_->head();
  AIFT_EXPECT(
      head.weight.dim() == 2 && head.bias.dim() == 1 && head.bias.size(0) == head.weight.size(0),
      ShapeError, "The head must be [K, d] weights and [K] bias; got {} and {}.",
      shape_text(head.weight.sizes()), shape_text(head.bias.sizes()));
  info_.classes = head.weight.size(0);
  info_.feature_size = head.weight.size(1);
  AIFT_EXPECT(info_.classes >= 2, ShapeError, "A model needs two classes or more; got {}.",
              info_.classes);
  AIFT_EXPECT(info_.input.elements() > 0, ShapeError,
              "The model's input must have channels, height and width; got {} x {} x {}.",
              info_.input.channels, info_.input.height, info_.input.width);
  AIFT_EXPECT(info_.class_names.empty() || std::ssize(info_.class_names) == info_.classes,
              ShapeError, "The model has {} classes, but {} class names came.", info_.classes,
              info_.class_names.size());
  network_->eval();
  if (has_cuda_kernels() && head.weight.is_cuda()) {
    pipeline_ = std::make_unique<TorchPipeline>(
        [this] {
          return Forward{predictor(), network_->head(), forward_, head_form_};
        },
        info_, make_cuda_kernels);
  }
}

ModuleModel::~ModuleModel() = default;

const Network::Compiled& ModuleModel::predictor() const {
  const torch::NoGradGuard no_gradients;
  const index_t pooling = head_form_ == HeadForm::rectified ? 1 : 0;  // behind the head, not before
  if (!predictor_) predictor_ = network_->compile(0, network_->stages() - pooling);
  return predictor_;
}

void ModuleModel::predict(std::span<const float> patches, index_t n, std::span<float> logits,
                          std::span<float> features) const {
  const PatchFormat& input = info_.input;
  expect_predict_buffers(info_, patches, n, logits, features);
  const torch::NoGradGuard no_gradients;
  const Forward forward{predictor(), network_->head(), forward_, head_form_};
  const index_t at_once = forward.device().is_cpu() ? kForwardBatch : kGpuForwardBatch;
  for (index_t first = 0; first < n; first += at_once) {
    const index_t count = std::min(at_once, n - first);
    const Tensor x =
        torch::from_blob(const_cast<float*>(patches.data() + first * input.elements()),
                         {count, input.channels, input.height, input.width}, torch::kFloat32);
    const Predicted predicted = forward(x.to(forward.device()));
    const Tensor f = predicted.features.to(torch::kCPU);
    const Tensor z = predicted.logits.to(torch::kCPU);
    AIFT_EXPECT(z.numel() == count * info_.classes && f.numel() == count * info_.feature_size,
                ShapeError, "The network gave features {} and logits {} for {} patches.",
                shape_text(f.sizes()), shape_text(z.sizes()), count);
    std::memcpy(logits.data() + first * info_.classes, z.const_data_ptr<float>(),
                static_cast<std::size_t>(z.numel()) * sizeof(float));
    if (!features.empty()) {
      std::memcpy(features.data() + first * info_.feature_size, f.const_data_ptr<float>(),
                  static_cast<std::size_t>(f.numel()) * sizeof(float));
    }
  }
}

void ModuleModel::save(const std::filesystem::path& file) const {
  std::vector<Tensor> kept;  // contiguous copies where needed
  std::vector<io::TensorView> views;
  for (const auto& [name, tensor] : named_tensors(*network_)) {
    const Tensor& t =
        kept.emplace_back(tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous());
    views.push_back(io::tensor_view(
        name,
        std::span<const float>(t.const_data_ptr<float>(), static_cast<std::size_t>(t.numel())),
        t.sizes().vec()));
    if (head_form_ == HeadForm::rectified && tensor.is_same(network_->head().weight))
      views.back().shape.insert(views.back().shape.end(), {1, 1});
  }
  io::TensorMetadata metadata = {
      {"aift_format", "1"},
      {"aift_version", std::string(version())},
      {"architecture", info_.architecture},
      {"classes", std::to_string(info_.classes)},
      {"input_channels", std::to_string(info_.input.channels)},
      {"input_height", std::to_string(info_.input.height)},
      {"input_width", std::to_string(info_.input.width)},
      {"input_mean", three(info_.input.mean)},
      {"input_std", three(info_.input.std)},
      {"fits", std::to_string(fits_)},
  };
  for (std::size_t k = 0; k < info_.class_names.size(); ++k)
    metadata["class_name_" + std::to_string(k)] = info_.class_names[k];
  if (!info_.preparation.empty()) metadata["frame_preparation"] = info_.preparation;
  io::write_safetensors(file, views, metadata);
}

std::unique_ptr<Model> ModuleModel::clone() const {
  std::shared_ptr<Network> copy = make_beside(*network_, info_.classes);
  copy_tensors(*network_, *copy);
  return std::make_unique<ModuleModel>(std::move(copy), info_, fits_, head_form_, forward_);
}

// ------------------------------------------------------------------------------------- factories

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> list = [] {
    std::vector<Architecture> out;
    for (const ArchitectureEntry& entry : architecture_entries())
      out.push_back(entry.facts);
    return out;
  }();
  return list;
}

const Architecture& architecture(std::string_view name) { return architecture_entry(name).facts; }

std::unique_ptr<Model> make_model(const std::string& architecture, index_t classes,
                                  index_t input_size, std::uint64_t seed) {
  const ArchitectureEntry& entry = architecture_entry(architecture);
  ModelInfo info = library_info(entry, input_size);
  std::shared_ptr<Network> network = entry.make(classes);
  const torch::NoGradGuard no_gradients;
  for (auto& [name, tensor] : named_tensors(*network)) {
    if (tensor.dim() == 4) {
      // Fan-out per group: a depthwise convolution has kernel^2 outgoing connections per input.
      const double fan_out = static_cast<double>(tensor.size(2) * tensor.size(3)) *
                             (tensor.size(1) == 1 ? 1.0 : static_cast<double>(tensor.size(0)));
      fill_normal(tensor, std::sqrt(2.0 / fan_out), seed, name);
    } else if (tensor.is_same(network->head().weight)) {
      fill_normal(tensor, 0.01, seed, name);
    } else if (tensor.dim() == 2) {
      fill_normal(tensor, std::sqrt(2.0 / static_cast<double>(tensor.size(1))), seed, name);
    } else if (tensor.is_same(network->head().bias)) {
      tensor.zero_();
    }
  }
  return std::make_unique<ModuleModel>(std::move(network), std::move(info));
}

std::unique_ptr<Model> load_pretrained(const std::string& architecture,
                                       const std::filesystem::path& weights, index_t classes,
                                       index_t input_size, std::uint64_t seed) {
  const ArchitectureEntry& entry = architecture_entry(architecture);
  ModelInfo info = library_info(entry, input_size);
  AIFT_EXPECT(classes == 0 || classes >= 2, ValueError,
              "A head needs two classes or more, or 0 to keep the one of the file; got {}.",
              classes);
  const io::Safetensors file = io::read_safetensors(weights);
  const ModelInfo stored = info_of(file.metadata(), entry, weights.string());
  info.input.mean = stored.input.mean;
  info.input.std = stored.input.std;
  info.preparation = stored.preparation;
  const StoredHead own = head_of(file, entry, weights.string());
  const bool keep = classes == 0 || classes == own.classes;
  std::shared_ptr<Network> network = entry.make(keep ? own.classes : classes);
  fill_from(*network, file, weights.string(), entry.facts.name, keep, own.form);
  if (keep) {
    if (std::ssize(stored.class_names) == own.classes) info.class_names = stored.class_names;
  } else {
    const torch::NoGradGuard no_gradients;
    fill_normal(network->head().weight, 0.01, seed, entry.head_name + ".weight");
    network->head().bias.zero_();
  }
  return std::make_unique<ModuleModel>(
      std::move(network), std::move(info),
      keep ? whole(file.metadata(), "fits", 0, weights.string()) : 0,
      keep ? own.form : HeadForm::linear);
}

std::unique_ptr<Model> load_model(const std::filesystem::path& file, const LoadOptions& options) {
  // A broken .pt is a broken TorchScript file, not a broken file of another kind.
  if (is_zip(file) || file.extension() == ".pt") return load_script_model(file, options);
  const io::Safetensors weights = io::read_safetensors(file);
  const std::string named = architecture_of(weights.metadata());
  AIFT_EXPECT(
      !named.empty(), IoError,
      "{} does not say of which architecture it is (metadata 'architecture'); write it with "
      "scripts/convert_weights.py, or load it with the name of its architecture.",
      file.string());
  const ArchitectureEntry& entry = architecture_entry(named);
  ModelInfo info = info_of(weights.metadata(), entry, file.string());
  if (options.input_size > 0) info.input.height = info.input.width = options.input_size;
  if (info.input.height == 0 || info.input.width == 0)
    info.input.height = info.input.width = entry.facts.input_size;
  check_input_size(entry, info.input.height);
  check_input_size(entry, info.input.width);
  const StoredHead head = head_of(weights, entry, file.string());
  AIFT_EXPECT(info.class_names.empty() || std::ssize(info.class_names) == head.classes, IoError,
              "{} names {} classes, but its head has {}; the file is damaged.", file.string(),
              info.class_names.size(), head.classes);
  std::shared_ptr<Network> network = entry.make(head.classes);
  fill_from(*network, weights, file.string(), entry.facts.name, true, head.form);
  return std::make_unique<ModuleModel>(std::move(network), std::move(info),
                                       whole(weights.metadata(), "fits", 0, file.string()),
                                       head.form);
}

std::unique_ptr<Model> with_class_names(const Model& model, std::vector<std::string> class_names) {
  AIFT_EXPECT(class_names.empty() || std::ssize(class_names) == model.info().classes, ShapeError,
              "The model has {} classes, but {} class names came.", model.info().classes,
              class_names.size());
  if (const auto* own = dynamic_cast<const ModuleModel*>(&model)) {
    std::shared_ptr<Network> copy = make_beside(*own->network(), own->info().classes);
    copy_tensors(*own->network(), *copy);
    ModelInfo info = own->info();
    info.class_names = std::move(class_names);
    return std::make_unique<ModuleModel>(std::move(copy), std::move(info), own->fits(),
                                         own->head_form(), own->forward());
  }
  if (auto script = script_with_class_names(model, std::move(class_names))) return script;
  AIFT_EXPECT(false, ValueError, "Class names can be given to models of aift::nn; got '{}'.",
              model.info().architecture);
  return nullptr;
}

std::unique_ptr<Model> with_preparation(const Model& model, std::string preparation) {
  if (const auto* own = dynamic_cast<const ModuleModel*>(&model)) {
    std::shared_ptr<Network> copy = own->network()->make_like(own->info().classes);
    copy_tensors(*own->network(), *copy);
    ModelInfo info = own->info();
    info.preparation = std::move(preparation);
    return std::make_unique<ModuleModel>(std::move(copy), std::move(info), own->fits(),
                                         own->head_form(), own->forward());
  }
  if (auto script = script_with_preparation(model, std::move(preparation))) return script;
  AIFT_EXPECT(false, ValueError, "A preparation can be given to models of aift::nn; got '{}'.",
              model.info().architecture);
  return nullptr;
}

}  // namespace aift::nn
