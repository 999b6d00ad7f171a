// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>
#include <aift/io/dataset.hpp>

namespace aift::ct {

/// A place in a volume that somebody shall look at.
struct Candidate {
  std::string id;               ///< unique within its volume
  std::string volume;           ///< file or folder, relative to the list, or absolute
  Point position = {0, 0, 0};   ///< mm, LPS
  std::string label = {};       ///< empty: nobody has looked yet
  std::string embolus_id = {};  ///< which embolus it belongs to; empty: none, or not known
  std::string group = {};       ///< patient; empty: the volume
  std::string split = {};       ///< pool or test, or empty
  double score = 0;             ///< of the generator, larger = more suspicious; in the file
  double volume_mm3 = 0;        ///< of the basin; 0: not known
  double mean_hu = 0;           ///< of the basin
};

/// The list as text, see write_candidates.
[[nodiscard]] std::string candidates_csv(const std::vector<Candidate>& candidates);

/// Writes `candidate_id,volume,x,y,z,label,embolus_id,group,split,score,volume_mm3,mean_hu`,
/// numbers in their shortest form; no column `split` where none has one. throws IoError
void write_candidates(const std::filesystem::path& file, const std::vector<Candidate>& candidates);

/// Reads a list: the columns candidate_id, volume, x, y, z, and label, embolus_id, group,
/// split, score, volume_mm3 and mean_hu where they are there. Whether the volumes exist is not asked.
/// throws IoError naming the line: a column that is missing, a coordinate that is no finite number, an
/// id twice in a volume, an empty id or volume
[[nodiscard]] std::vector<Candidate> read_candidates(const std::filesystem::path& file);
/// The same of text in memory; `name` is what messages call it.
[[nodiscard]] std::vector<Candidate> parse_candidates(std::string_view text, std::string_view name);

/// Labels candidates of one volume by the truth: `embolus` and its number where they hit one (embolus_at),
/// else `other`.
void label_candidates(std::vector<Candidate>& candidates, const Volume& truth, double tolerance_mm);

/// The positions of a data set read by io::read_dataset from such a list.
/// throws IoError naming the candidate: no columns x, y, z, a coordinate that is no finite number;
/// ShapeError: the data set has no volumes
[[nodiscard]] std::vector<Point> positions_of(const io::Dataset& data);

}  // namespace aift::ct
