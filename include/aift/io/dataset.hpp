// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/types.hpp>

namespace aift::io {

/// Which side of the evaluation a candidate is on.
enum class Split : std::uint8_t { unset = 0, pool = 1, test = 2 };

/// How a data set is read.
struct DatasetOptions {
  /// The classes and their order. Empty: the labels that occur, sorted bytewise.
  std::vector<std::string> classes = {};
  /// Refuse a candidate without a label (a simulated reader could not answer for it).
  bool require_labels = false;
  /// Refuse labels that no classifier could be trained and tested on (fewer than two classes, a
  /// class on one side only). Off for what only looks at images.
  bool require_trainable = true;
  /// Read where in its video each candidate stands (Dataset::times).
  bool times = false;
  /// Column of the manifest that says what a label costs (Dataset::costs); empty: none is read.
  std::string cost_column = {};
  /// Every n-th frame of a video is a candidate, the first included; at least 1.
  index_t every = 1;
  /// CSV file that labels frames of videos; empty: labels.csv beside the manifest or in the folder,
  /// where there is one.
  std::filesystem::path frame_labels = {};
};

/// Candidates and what is known about them; vectors without another remark are [size()].
struct Dataset {
  std::filesystem::path root;      ///< what relative paths are relative to
  std::vector<std::string> paths;  ///< as the manifest gives them
  std::vector<std::uint64_t> ids;  ///< candidate_id(paths[i]): the key of a candidate's randomness
  std::vector<label_t> labels;     ///< index into class_names, or kUnlabelled
  std::vector<index_t> groups;     ///< index into group_names; numbered as they first occur
  std::vector<std::string>
      group_names;  ///< a candidate with no group is one of its own, named by path
  std::vector<std::string>
      class_names;                  ///< [K]; empty when nothing is labelled and none were named
  std::vector<std::uint8_t> split;  ///< Split; unset everywhere or nowhere
  std::vector<index_t> frames;      ///< number in its video, or -1: an image; empty: no videos
  std::vector<std::string> volumes;  ///< of a candidate in a volume: which; empty: no volumes
  std::vector<double> times;        ///< place in the video; NaN: not known; empty: not asked for
  std::vector<index_t> sequences;   ///< which video `times` counts in; empty: the group
  std::vector<double> costs;        ///< of a label, finite and >= 0; empty: not asked for
  std::vector<std::string> extra_columns;       ///< further columns of the manifest, in order
  std::vector<std::vector<std::string>> extra;  ///< [size()][extra_columns]; empty if no columns
  std::string
      synthetic;  ///< the sentence of a SYNTHETIC file beside the manifest; empty: not declared synthetic

  /// Number of candidates.
  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(paths.size()); }
  /// K, or 0 when no class is known.
  [[nodiscard]] index_t classes() const noexcept {
    return static_cast<index_t>(class_names.size());
  }
  /// Whether candidate i is a frame of a video.
  [[nodiscard]] bool is_frame(index_t i) const noexcept {
    return !frames.empty() && frames[static_cast<std::size_t>(i)] >= 0;
  }
  /// Where the image of candidate i lies, or its video or volume.
  [[nodiscard]] std::filesystem::path file(index_t i) const {
    const std::string& path = paths[static_cast<std::size_t>(i)];
    if (!volumes.empty()) return root / volumes[static_cast<std::size_t>(i)];
    return root / (is_frame(i) ? path.substr(0, path.rfind('#')) : path);
  }
  /// Candidate i as the other parts know it.
  [[nodiscard]] CandidateRef ref(index_t i) const { return {i, ids[static_cast<std::size_t>(i)]}; }
};

/// Stable number of a candidate: FNV-1a (64 bit) of the bytes of its path, then splitmix64. Moving
/// a data set to another folder or reordering its manifest leaves it unchanged, and with it the
/// candidate's views and draws.
[[nodiscard]] std::uint64_t candidate_id(std::string_view path) noexcept;

/// Stable number of frame `frame` of a video: the upper 40 bits of candidate_id(path), then the
/// frame. Walked in the order of the ids, as the loop does, a video is read front to back.
/// frame in [0, 2^24)
[[nodiscard]] std::uint64_t frame_id(std::string_view path, index_t frame) noexcept;

/// Reads a manifest, or a folder.
///
/// manifest  CSV `path,label[,group][,split]` and any further columns, which are kept. Paths are
///           relative to the manifest, or absolute. Empty label = unlabelled, no label column = all
///           are; empty group = a group of its own; split = `pool` or `test` for every row, or no
///           split column. `train` is read as `pool`, and `val` as `test` where no row says `test`.
/// folder    with a manifest.csv: that one. Otherwise the images (jpg, jpeg, png, bmp, tif, tiff)
///           in each sub-folder, at any depth, are labelled with the sub-folder's name; images
///           directly in the folder are unlabelled. Names that start with a point are left out.
///           Order: bytewise.
/// volumes   a manifest with the columns candidate_id and volume in the place of path lists
///           candidates in volumes (aift::ct): their paths are `volume#candidate_id`, the volume is a
///           file or a folder relative to the manifest, and an empty group is the volume
/// synthetic a file SYNTHETIC in the root, one sentence, says that the data is generated, and how;
///           reports repeat it
///
/// videos    a path that ends like a video's (has_video_extension) stands for its frames: every
///           `every`-th of those that the file says it has, or the one that the column `frame`
///           names. They are called `clip.avi#120`, are one group unless the row names another, have
///           the row's (the folder's) label, and their times are their numbers. labels.csv,
///           `path,first_frame,last_frame,label`, labels ranges of frames, both ends included (no
///           last frame: to the end), in the place of that label. A video that cannot be opened
///           counts as one candidate, which check_images reports.
/// times     when asked for: the manifest's column `frame`, else `time`, any number, empty where it is
///           not known; they count in the video that the column `video` names, else in the group.
///           In a folder: the number at the end of a file's name; images whose folder and name before
///           it are equal are one video. costs: a number in every row
///
/// Only names are looked at, no image is opened (that is `check_images`); of a video the header is.
/// throws  IoError naming the file and, in a manifest, the line: neither manifest nor folder, no
///         image at all, no `path` column, no column for the times or costs that are asked for, or a
///         number there that is none, an empty, duplicate or missing path, a label that is not
///         among `classes`, a range of labels.csv that is none, overlaps another label's or names no
///         frame of the data, an unknown or partly empty split, a group in pool and test, two paths
///         with one id. ValueError: fewer than two classes or a class named twice; a class that no
///         pool candidate has while a test candidate does (and the whole pool is labelled); no
///         label where `require_labels`; and, when all are labelled and no row has a split, a class
///         within a single group (one image, say): it could not be on both sides.
[[nodiscard]] Dataset read_dataset(const std::filesystem::path& manifest_or_folder,
                                   const DatasetOptions& options = {});

}  // namespace aift::io
