// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::bench {

/// What a task knows about a candidate and tells nobody before it was picked.
enum CandidateFlag : std::uint8_t {
  kMislabelled = 1,  ///< the reader answers another class than the true one
  kDuplicate = 2,    ///< nearly a copy of another candidate
  kAmbiguous = 4     ///< its class is a coin's; only generated tasks can know that
};

/// Candidates of one side, pool or test.
struct Candidates {
  index_t views = 1;                 ///< q, of every candidate; view 0 is the candidate as it is
  index_t feature_size = 0;          ///< d
  std::vector<float> features;       ///< [n, q, d]
  std::vector<label_t> labels;       ///< [n] what the reader answers, in [0, K)
  std::vector<label_t> truth;        ///< [n] what is so
  std::vector<index_t> groups;       ///< [n]
  std::vector<std::uint64_t> ids;    ///< [n] stable, all different
  std::vector<std::uint8_t> flags;   ///< [n] CandidateFlag
  std::vector<float> mean_features;  ///< [n, d] over the views: what selectors see
  /// n
  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(labels.size()); }
};

/// One draw of a task: what every selector of a seed starts from.
struct TaskData {
  std::vector<std::string> class_names;  ///< [K]
  Candidates pool;                       ///< to pick from
  Candidates test;                       ///< to judge by; never noisy, copied or thinned out
  /// K
  [[nodiscard]] index_t classes() const noexcept {
    return static_cast<index_t>(class_names.size());
  }
};

/// Where a task comes from, and what is done to its pool.
struct TaskSpec {
  std::string name;                  ///< of the task in all results
  std::string generate;              ///< a generated task (generated_tasks()), or
  std::filesystem::path features;    ///< float32 .npy [N, d] or [N, q, d], and
  std::filesystem::path candidates;  ///< CSV with the column label, and group, split, candidate
  bool synthetic = false;            ///< of generated data: reports say so (always with generate)
  index_t pool = 0;                  ///< at most so many, at random; generated: 1,000 unless given
  index_t test = 0;                  ///< the same for the test side
  double test_share = 0.4;           ///< of the candidates, by groups, where no split is given
  /// r: the pool is thinned out to classes of n, ..., n / r candidates, a geometric series from the
  /// first class to the last; 1: as it is. Source: Cui et al., CVPR 2019 (long-tailed sets).
  double imbalance = 1;
  /// Chance that the reader names another class, drawn evenly from the others.
  double label_noise = 0;
  /// Share of the pool that is replaced by near-copies of the rest: noise of a twentieth of each
  /// feature's standard deviation is added.
  double duplicates = 0;
};

/// A task that is generated.
struct GeneratedTask {
  std::string_view name;     ///< snake_case
  std::string_view summary;  ///< whom it traps
};
/// All of them.
[[nodiscard]] std::vector<GeneratedTask> generated_tasks();

/// A task that is open: files are read once, draws are made from it.
///
/// thread safe: draw() is const
class TaskSource {
 public:
  /// throws IoError, ShapeError, ValueError naming the file or the key that is wrong
  explicit TaskSource(TaskSpec spec);

  /// As given; `synthetic` also where the task is generated.
  [[nodiscard]] const TaskSpec& spec() const noexcept { return spec_; }
  /// Changes when the data or what is done to them change.
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

  /// The draw of a seed: split, sizes, imbalance, copies, wrong labels, in this order.
  /// throws ValueError: a class that is missing on one side
  [[nodiscard]] TaskData draw(std::uint64_t seed) const;

 private:
  struct Files;
  TaskSpec spec_;
  std::shared_ptr<const Files> files_;
  std::uint64_t digest_ = 0;
};

}  // namespace aift::bench
