// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include <aift/core/types.hpp>

namespace aift::io {

/// What a report shows.
struct ReportOptions {
  bool images = true;       ///< false: no pixel of any image is in the file
  bool pseudonyms = false;  ///< "image 12" and "group 3" in the place of paths and group names
  std::string title;        ///< heading; empty: made from the runs
  index_t thumbnail = 96;   ///< longer side of the picture of a candidate, pixels, in [32, 512]
  index_t view = 64;        ///< side of the picture of one augmented view, pixels, in [24, 512]
  index_t max_pictures =
      6000;  ///< pictures in one file; later picks go without, and a note says so
};

/// One self-contained HTML file (no script, nothing fetched from anywhere) about one run or
/// several: learning curves, what was asked in each round and why, what the trainer did, settings
/// and times.
///
/// runs     folders that `aift run` wrote; read are their state.json, config.toml and, for the
///          pictures, the images named there. An image that is gone is replaced by a word
/// out      the file; written beside its place and renamed, so a report is never half there
/// privacy  without `pseudonyms` the file holds paths and group names; with `images` it holds
///          pictures. All text that came from outside is escaped
/// errors   IoError: no run in a folder, a state that cannot be understood, out cannot be written;
///          ValueError: no runs, sizes out of range
/// cost     per pick one image is decoded and its views are rendered at the small size
void write_report(std::span<const std::filesystem::path> runs, const ReportOptions& options,
                  const std::filesystem::path& out);

}  // namespace aift::io
