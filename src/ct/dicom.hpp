// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aift/ct/series.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct::dicom {

/// What the header of one file says.
struct Slice {
  std::filesystem::path file;
  std::string series;    ///< SeriesInstanceUID, may be empty
  std::string modality;  ///< may be empty
  SliceHeader header;    ///< checked for presence, not yet for sense
  double slope = 1, intercept = 0;
  std::optional<std::pair<std::int32_t, std::int32_t>>
      padding;           ///< stored values, both ends included
  double thickness = 0;  ///< mm; 0: not said
  std::string rescale_type;
  std::string refusal;  ///< why it is no slice of a CT volume; empty when it is
};

/// Whether a file begins as DICOM files do.
[[nodiscard]] bool has_dicom_magic(const std::filesystem::path& file);

/// Reads a header. throws IoError naming the file: it cannot be parsed
[[nodiscard]] Slice read_header(const std::filesystem::path& file);

/// Decodes the pixels of a slice to HU. throws IoError naming the file
void read_pixels(const Slice& slice, std::span<std::int16_t> out, VolumeRecord& record);

}  // namespace aift::ct::dicom
