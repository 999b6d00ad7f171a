// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/io/report.hpp>

#include "src/io/report_record.hpp"

namespace aift::io::report {

/// A small picture as it stands in the file.
struct Picture {
  index_t width = 0, height = 0;
  std::string uri;   ///< data:image/jpeg;base64,...
  std::string hint;  ///< what was done to it
};

/// Makes the pictures of a report: the candidate, and its scoring views rendered again from their
/// plans (a plan holds normalised coordinates, so it can be rendered at any size).
class Pictures {
 public:
  explicit Pictures(const ReportOptions& options);
  ~Pictures();

  /// What is shown of one pick; `missing` says why there is nothing.
  struct Set {
    Picture whole;
    std::vector<Picture> views;
    std::string missing;
  };

  /// The pictures that follow are of this run.
  void open(const RunRecord& run);
  /// Why views of this run cannot be rendered; empty when they can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] Set of(const RunRecord& run, const RunRecord::Pick& pick);
  /// Picks that went without because there were enough pictures.
  [[nodiscard]] index_t left_out() const noexcept { return left_out_; }

 private:
  const ReportOptions& options_;
  std::unique_ptr<Augmenter> augmenter_;
  std::string problem_;
  index_t made_ = 0;
  index_t left_out_ = 0;
};

}  // namespace aift::io::report
