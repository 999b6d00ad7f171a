// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <span>
#include <string>

#include <aift/core/types.hpp>

namespace aift::io {

/// What a report shows.
struct ReportOptions {
  bool images = true;  ///< false: no pixel of any image is in the file
  /// "image 12", "group 3" and "run 1" in the place of paths, group and folder names. Class names
  /// stay. Sentences that hold a name are withheld.
  bool pseudonyms = false;
  std::string title;       ///< heading; empty: made from the runs
  /// Longer side of the picture of a candidate, or of one plane of a candidate in a volume, pixels, in
  /// [32, 512].
  index_t thumbnail = 96;
  index_t view = 64;       ///< side of the picture of one augmented view, pixels, in [24, 512]
  /// Pictures in one file. Candidates come first; views that no longer fit go without, and a note
  /// says so. The foot of the page says how many bytes they came to.
  index_t max_pictures = 12000;
  std::string baseline = "random";  ///< selector that the others are compared with
  /// AUC that the table "labels to reach" asks for; NaN: the best last mean minus 0.02.
  double target = std::numeric_limits<double>::quiet_NaN();
};

/// One self-contained HTML file about one run or several: learning curves with intervals over
/// seeds, what was asked in each round and why, how varied each batch was, what the last model gets
/// wrong and is sure of, what the trainer did, settings and times. Nothing is fetched from
/// anywhere; one small script (filter, theme) is allowed by its hash, and all is readable without.
///
/// runs     folders that `aift run` wrote; read are their state.json, config.toml, predictions.csv
///          and, for the pictures and the likeness of a batch, the images named there. An image
///          that is gone is replaced by a word
/// out      the file; written beside its place and renamed, so a report is never half there
/// privacy  without `pseudonyms` the file holds paths and group names; with `images` it holds
///          pictures. All text that came from outside is escaped
/// errors   IoError: no run in a folder, a state or predictions that cannot be understood, out
///          cannot be written; ValueError: no runs, sizes or target out of range
/// cost     per pick one image is decoded and its views are rendered at the small size
void write_report(std::span<const std::filesystem::path> runs, const ReportOptions& options,
                  const std::filesystem::path& out);

}  // namespace aift::io
