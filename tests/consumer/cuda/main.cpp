// SPDX-License-Identifier: Apache-2.0
// Asks for workspace on the GPU; without a GPU that is a DeviceError, not a crash.
#include <cstdio>
#include <string>

#include <aift/core/error.hpp>
#include <aift/core/version.hpp>
#include <aift/cuda/score.hpp>
#include <aift/cuda/top.hpp>

#if __has_include(<torch/torch.h>) || __has_include(<opencv2/core.hpp>)
#error "aift::cuda must not bring LibTorch or OpenCV within reach"
#endif

int main() {
  const auto predictions = aift::cuda::DevicePredictions::dense<float>(
      nullptr, 1000, 8, 2, aift::PredictionKind::probabilities);
  std::string answer;
  try {
    answer = std::to_string(aift::cuda::score_workspace_bytes(predictions, {})) + " bytes";
  } catch (const aift::DeviceError& error) {
    answer = error.what();
  }
  std::printf("AIFT %s: %s\n", std::string(aift::version()).c_str(), answer.c_str());
  return 0;
}
