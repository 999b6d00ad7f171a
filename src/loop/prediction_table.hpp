// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>

namespace aift {

/// predictions.csv of a run: what the last trained model says of the test images and of the images
/// labelled so far, the mean probabilities of the views of Purpose::test.
///
///   round,split,candidate,path,group,label,p:<class>,p:<class>,...
///
/// split is `test` or `labelled`, label a class name; probabilities print shortest round-trip. It
/// is written before the state that names its round, so that a finished round finds it; after a
/// crash in between, the round is done again and writes the same bytes.
class PredictionTable {
 public:
  PredictionTable(std::span<const std::string> class_names, index_t round);

  struct Row {
    std::string_view split;
    index_t candidate = 0;
    std::string_view path, group;
    label_t label = kUnlabelled;
    std::span<const double> probabilities;  ///< [K]
  };
  void add(const Row& row);
  [[nodiscard]] const std::string& csv() const noexcept { return text_; }

 private:
  std::span<const std::string> class_names_;
  index_t round_;
  std::string text_;
};

}  // namespace aift
