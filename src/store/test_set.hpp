// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "impl.hpp"

namespace aift::store {

/// What a model says of the locked test set, in the order of the ids.
struct TestPredictions {
  index_t classes = 0;
  std::vector<index_t> samples;       ///< numbers
  std::vector<double> probabilities;  ///< [n, K]
};

[[nodiscard]] std::string pack(const TestPredictions& predictions);
/// throws IoError for bytes that are none
[[nodiscard]] TestPredictions read_predictions(const Project::Impl& project, index_t model);

/// Labels of the test set: those that the data set brought, else the readers' verdict; by sample.
[[nodiscard]] std::vector<label_t> test_labels(const Project::Impl& project,
                                               std::span<const Verdict> verdicts);
/// On those that have a label and were not withdrawn; NaN without any.
[[nodiscard]] Metrics measure(const Project::Impl& project, std::span<const Verdict> verdicts,
                              const TestPredictions& predictions);

/// Two models on the samples that both have predicted and that have a label.
struct Paired {
  std::vector<double> reference, probabilities;  ///< [n, K]
  std::vector<label_t> labels;
  std::vector<index_t> groups;
};
[[nodiscard]] Paired pair_up(const Project::Impl& project, std::span<const Verdict> verdicts,
                             const TestPredictions& reference, const TestPredictions& predictions,
                             const std::vector<std::string>& groups);

}  // namespace aift::store
