// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/torch/models.hpp>

namespace aift::nn {
namespace {

/// Value of an environment variable; unset and empty are the same.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::filesystem::path weights_folder() {
  if (const std::string named = environment("AIFT_WEIGHTS_DIR"); !named.empty()) return named;
  std::filesystem::path cache;
  if (const std::string own = environment("AIFT_CACHE_DIR"); !own.empty()) {
    cache = own;
  } else if (const std::string xdg = environment("XDG_CACHE_HOME"); !xdg.empty()) {
    cache = std::filesystem::path(xdg) / "aift";
  } else {
    cache = std::filesystem::path(environment("HOME")) / ".cache" / "aift";
  }
  return cache / "weights";
}

std::filesystem::path find_weights(const std::string& architecture) {
  const Architecture& facts = nn::architecture(architecture);
  AIFT_EXPECT(!facts.weights_file.empty(), ValueError,
              "There are no ImageNet weights for {}; name a safetensors file.", architecture);
  const std::filesystem::path file = weights_folder() / facts.weights_file;
  std::error_code error;
  AIFT_EXPECT(std::filesystem::is_regular_file(file, error), IoError,
              "The ImageNet weights of {} were expected at {}, where there is no file; {}, or set "
              "AIFT_WEIGHTS_DIR to their folder.",
              architecture, file.string(),
              architecture == "efficientnet_lite0"
                  ? "run scripts/bootstrap, which prepares them"
                  : "convert torchvision's .pth file with scripts/convert_weights.py "
                    "(docs/models.md)");
  return file;
}

}  // namespace aift::nn
