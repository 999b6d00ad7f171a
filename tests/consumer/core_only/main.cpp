// SPDX-License-Identifier: Apache-2.0
// Scores predictions that some other runtime made, and picks.
#include <aift/core/predictions.hpp>
#include <aift/core/version.hpp>
#include <aift/select/registry.hpp>
#include <cstdio>
#include <string>
#include <vector>

#if __has_include(<torch/torch.h>) || __has_include(<opencv2/core.hpp>)
#error "aift::core must not bring LibTorch or OpenCV within reach"
#endif

int main() {
  // Three candidates, four patches each, two classes; the second one is undecided.
  const std::vector<float> probabilities = {0.9F, 0.1F, 0.9F, 0.1F, 0.9F, 0.1F, 0.9F, 0.1F,  //
                                            0.5F, 0.5F, 0.6F, 0.4F, 0.4F, 0.6F, 0.5F, 0.5F,  //
                                            0.1F, 0.9F, 0.2F, 0.8F, 0.1F, 0.9F, 0.1F, 0.9F};
  const auto predictions = aift::PatchPredictions::dense(probabilities.data(), 3, 4, 2,
                                                         aift::PredictionKind::probabilities);
  aift::PoolView pool;
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &predictions;

  const auto selector = aift::SelectorRegistry::with_builtin().make("aift");
  const aift::Selection picks = selector->select(pool, 1);
  std::printf("AIFT %s: picked candidate %d\n", std::string(aift::version()).c_str(),
              static_cast<int>(picks.indices.at(0)));
  return picks.size() == 1 && picks.indices[0] == 1 ? 0 : 1;
}
