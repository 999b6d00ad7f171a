// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include <aift/core/executor.hpp>
#include <aift/core/progress.hpp>
#include <aift/core/types.hpp>

namespace aift::phantom {

/// What `write_pan` makes.
struct PanOptions {
  index_t frames = 12;  ///< per source frame, in [1, 10000]
  index_t size = 128;   ///< height and width of what is written, in [16, 4096]
  index_t sources = 0;  ///< source frames that are used, drawn at random; 0: all of them
  double positives =
      0.1;  ///< share of positive frames aimed at where lesions have boxes, in [0, 1]
  double window_min = 0.3;  ///< side of the window over the shorter side of the frame, in (0, 1]
  double window_max = 0.5;  ///< see window_min
  std::uint64_t seed = 0;   ///< fixes every window
};

/// What came out.
struct PanResult {
  index_t frames = 0;     ///< written
  index_t positives = 0;  ///< of them with a lesion (0 without boxes)
  index_t groups = 0;     ///< source frames that gave some
  index_t left_out = 0;   ///< source frames without room for a window that shows what it should
};

/// Simulated camera motion over real frames: a window glides smoothly over each source frame, so
/// that consecutive pictures are nearly identical, as in video, and all of a source frame belong to
/// one group, that of the source frame. What a real pool of video frames looks like to a selector,
/// where only single frames are to be had.
///
/// from    a manifest or folder (io::read_dataset). With the columns box_l, box_t, box_r, box_b (a
///         lesion's box in pixels; empty: none) a picture is labelled by what it shows: the source's
///         label when the lesion's box covers a quarter of the window or more than half of the box
///         lies within it, `kPanNegative` when it covers less than a hundredth of the window; windows
///         between the two are not used. Without boxes a picture has its source's label
/// motion  shift of up to 35 % of the window's side over the whole sequence, turn of up to 20
///         degrees, zoom of up to 15 %, drift of the brightness of up to 6 %, motion blur between
///         neighbouring positions
/// share   of the source frames that have room for it, so many show the lesion in the first or second
///         half of their frames (positives >= 1/2: in that share of them) that the share of all
///         frames comes as near to `positives` as it can; the others show it in none
/// out     folder that is missing or empty: frames/<source number>/<frame>.jpg, manifest.csv
///         (path,label,group,frame), README.txt, and SYNTHETIC, which marks the set as generated
/// random  Philox, keyed by (seed, id of the source frame, number): the same pictures for any
///         executor and any order of the manifest
/// cost    every source frame is decoded twice: before the first picture is written it is known
///         where there is room
/// throws  ValueError (options), IoError (no source, a box that is none, a picture that cannot be
///         read, an output folder that is not empty or cannot be written), CancelledError. The
///         manifest is written last: a folder without it is incomplete
PanResult write_pan(const std::filesystem::path& from, const std::filesystem::path& out,
                    const PanOptions& options, Executor* executor = nullptr,
                    Progress* progress = nullptr);

/// Label of windows that do not show the lesion of a source with a box.
inline constexpr const char* kPanNegative = "mucosa";

}  // namespace aift::phantom
