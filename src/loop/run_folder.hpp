// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include <aift/loop/active_learner.hpp>
#include <aift/loop/run_state.hpp>

namespace aift {

/// The folder of one run on disk: who may use it, what is in it, in which order it is written.
///
/// state.json is replaced atomically; what it names has been flushed to the disk before. The tables
/// are made from it, so that they may be missing or one step behind after a crash and are written
/// again when the run is resumed. A model that it does not name is of a round that never ended.
class RunFolder {
 public:
  /// Makes or opens the folder and holds it until destruction (flock: a killed process lets go).
  /// throws IoError, ValueError; see ActiveLearner
  RunFolder(std::filesystem::path folder, OpenRun open);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  /// The state that was found; nothing for a new run.
  [[nodiscard]] std::optional<RunState>& found() noexcept { return found_; }

  /// "model-003.safetensors", with the ending that the model wants.
  [[nodiscard]] static std::string model_name(index_t round, const Model& model);
  [[nodiscard]] std::filesystem::path model_path(const std::string& name) const {
    return folder_ / name;
  }

  /// Writes a model and flushes it. throws IoError
  void save_model(const Model& model, const std::string& name);
  /// Writes the model under a name of its own, measures it and takes it away again: a model that
  /// cannot be saved, or a full disk, shows before any work is done. throws IoError
  void try_saving(const Model& model);
  /// IoError when the disk has no room for another model.
  void expect_room() const;

  /// predictions.csv (PredictionTable); before the state of the round it is of.
  void write_predictions(const std::string& csv);
  /// The commit point.
  void write_state(const RunState& state);
  /// curve.csv, picks.csv, times.csv.
  void write_tables(const RunState& state);
  /// Takes away models that no finished round names (all but the last one's with KeepModels::last)
  /// and files that were being written when a process was killed.
  /// `type`: how the names of model files end.
  void remove_orphans(const RunState& state, KeepModels keep, const std::string& type);

 private:
  std::filesystem::path folder_;
  bool made_ = false;
  int lock_ = -1;
  std::uintmax_t model_bytes_ = 0;  // of the last model saved; 0: not known
  std::optional<RunState> found_;
};

}  // namespace aift
