// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/froc.hpp>

namespace aift::app {

/// A row of scans.csv.
struct Scan {
  std::string name;                  ///< as the table gives it
  std::filesystem::path volume;      ///< where it lies
  std::filesystem::path truth = {};  ///< label volume; empty: none
  index_t emboli = 0;                ///< in the truth
  std::string group = {};
  std::string split = {};
};

/// Reads `volume[,truth][,emboli][,split][,group]`, paths relative to the table.
/// throws IoError naming the line
[[nodiscard]] std::vector<Scan> read_scans(const std::filesystem::path& file);

/// Different emboli that candidates of one volume hit.
[[nodiscard]] index_t distinct_emboli(const std::vector<ct::Candidate>& candidates);

/// What a SYNTHETIC file beside one of the scans, or in a folder above, says; empty: there is none.
[[nodiscard]] std::string synthetic_sentence(const std::vector<Scan>& scans);

/// Probability of a class for the test candidates of a run, by their path. round  only those of this
/// round's model. throws IoError
[[nodiscard]] std::map<std::string, double> read_predictions(
    const std::filesystem::path& file, const std::string& class_name,
    std::optional<index_t> round = std::nullopt);

/// Candidates as the metrics want them.
struct DetectionTable {
  std::vector<ct::Finding> findings;
  std::vector<index_t> emboli;         ///< of every scan
  std::vector<double> scores;          ///< of every finding
  std::vector<std::uint8_t> positive;  ///< labelled as an embolus
  std::vector<index_t> groups;         ///< the scan
};

/// Notes in froc.csv of a run's folder, which the report shows, what was found with so many labels; what
/// was noted for as many labels before is replaced. `hit` says in words what counts as one.
/// throws IoError
void note_froc(const std::filesystem::path& run, index_t labels, const ct::Froc& froc,
               const ct::Estimate& auc, const std::string& hit);

/// predictions  given: those of the test scans (split `test`, or without splits those that have a
///              predicted candidate) count, and their candidates need a prediction each
/// hit_mm       given: the label volumes of the scans that count say what is hit (embolus_at), not the
///              list
/// throws       IoError: a candidate of an unknown volume, or without a prediction; a truth that is
///              needed and not there, or cannot be read. ValueError: hit_mm
[[nodiscard]] DetectionTable detection_table(
    const std::vector<ct::Candidate>& candidates, const std::vector<Scan>& scans,
    const std::filesystem::path& folder,
    const std::optional<std::map<std::string, double>>& predictions,
    std::optional<double> hit_mm = std::nullopt);

}  // namespace aift::app
