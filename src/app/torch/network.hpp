// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <aift/loop/model.hpp>
#include <aift/loop/trainer.hpp>

#include "src/app/run_config.hpp"

namespace aift::app {

/// The network that is fine-tuned, and what a run needs to know to make it again.
struct Network {
  std::string architecture;
  std::filesystem::path weights;         ///< empty: untrained
  std::string description;  ///< for the fingerprint
  bool script = false;      ///< `weights` is a TorchScript file
};

/// Absolute and without dots.
[[nodiscard]] std::string absolute(const std::string& path);
/// Finds what --model and --weights name without loading it. Fills config.weights.
[[nodiscard]] Network find_network(RunConfig& config);
/// The network that is fine-tuned, with a head for these classes.
[[nodiscard]] std::unique_ptr<Model> load_network(const RunConfig& config, const Network& network,
                                                  const std::vector<std::string>& class_names);
/// The GPU of --device cuda, for records; empty: the CPU. Refuses what cannot be done there.
[[nodiscard]] std::string find_gpu(const RunConfig& config, const Network& network);
/// The model where --device says.
[[nodiscard]] std::unique_ptr<Model> placed(std::unique_ptr<Model> model, const RunConfig& config);
[[nodiscard]] StartFrom start_from(const std::string& word);      ///< of --start
[[nodiscard]] TrainSet train_set_from(const std::string& word);   ///< of --train-set
[[nodiscard]] std::string joined(const OptionMap& options);       ///< for records
[[nodiscard]] std::string joined(const ViewRanges& ranges);       ///< for records
/// How frames are prepared, as a model says it.
[[nodiscard]] std::string preparation_word(const RunConfig& config);

}  // namespace aift::app
