// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/safetensors.hpp>

#include "src/app/commands.hpp"

namespace aift::app {
namespace {

struct ModelsArguments {
  std::string file;
  bool tensors = false;
};

std::string megabytes(double bytes) { return fmt::format("{:.1f} MB", bytes / 1e6); }

void inspect(const ModelsArguments& arguments) {
  const std::filesystem::path path(arguments.file);
  std::error_code error;
  AIFT_EXPECT(!std::filesystem::is_directory(path, error), IoError,
              "{} is a folder; give a safetensors file, or nothing to list the architectures.",
              path.string());
  const std::string extension = path.extension().string();
  AIFT_EXPECT(extension != ".pt" && extension != ".pth" && extension != ".ts", ValueError,
              "{} is a TorchScript or pickle file, which cannot be inspected without running its "
              "code; convert it with scripts/convert_weights.py.",
              path.string());
  const io::Safetensors file = io::read_safetensors(path);

  double values = 0, bytes = 0;
  for (const io::TensorView& tensor : file.tensors()) {
    values += static_cast<double>(tensor.size());
    bytes += static_cast<double>(tensor.bytes.size());
  }
  const auto stated = [&](const char* key) {
    const auto at = file.metadata().find(key);
    return at == file.metadata().end() ? std::string("not stated") : at->second;
  };
  fmt::print("{:<14}{}\n", "file", path.string());
  fmt::print("{:<14}{}\n", "architecture", stated("architecture"));
  fmt::print("{:<14}{}\n", "classes", stated("classes"));
  fmt::print("{:<14}{} with {:.0f} values, {}\n", "tensors", file.tensors().size(), values,
             megabytes(bytes));
  for (const auto& [key, value] : file.metadata()) {
    if (key == "architecture" || key == "classes") continue;
    fmt::print("{:<14}{} = {}\n", "metadata", key, value);
  }
  if (!arguments.tensors) {
    fmt::print("\n--tensors lists every tensor.\n");
    return;
  }
  std::size_t width = 0;
  for (const io::TensorView& tensor : file.tensors())
    width = std::max(width, tensor.name.size());
  fmt::print("\n");
  for (const io::TensorView& tensor : file.tensors()) {
    fmt::print("{:<{}}  {}\n", tensor.name, width, tensor.describe());
  }
}

}  // namespace

void add_models_command(CLI::App& app, std::function<void()> list) {
  auto* command = app.add_subcommand(
      "models", "List the architectures and where their weights are, or inspect a weight file");
  auto arguments = std::make_shared<ModelsArguments>();
  command->add_option("file", arguments->file, "A safetensors file to inspect")->type_name("FILE");
  command->add_flag("--tensors", arguments->tensors, "List every tensor of the file");
  command->footer(
      "Examples:\n"
      "  aift models\n"
      "  aift models runs/first/model-005.safetensors");
  command->callback([arguments, list = std::move(list)] {
    if (arguments->file.empty()) {
      list();
    } else {
      inspect(*arguments);
    }
  });
}

}  // namespace aift::app
