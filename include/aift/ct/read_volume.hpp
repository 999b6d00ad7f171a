// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// How a volume is read.
struct ReadOptions {
  /// The series of a DICOM folder: its SeriesInstanceUID, or its number from 1 as list_series counts.
  /// Empty: the one with the most slices.
  std::string series = {};
  /// Take unevenly spaced slices and interpolate them to the median distance; VolumeRecord says so.
  bool allow_resample = false;
};

/// One series of a DICOM folder.
struct SeriesInfo {
  std::string uid;       ///< SeriesInstanceUID: an identifier, for choosing, not for records
  std::string modality;  ///< "CT", "MR", ...
  index_t slices = 0;    ///< files
  index_t columns = 0;   ///< pixels of a row of the first slice
  index_t rows = 0;      ///< rows of the first slice
};

/// The series in a DICOM folder (not below it), most slices first, then by UID. Only headers are read.
/// throws IoError: no folder, no DICOM file, a file that begins like DICOM and cannot be read
[[nodiscard]] std::vector<SeriesInfo> list_series(const std::filesystem::path& folder);

/// Reads a CT volume in Hounsfield units, or refuses it: a volume that is nearly right is a wrong
/// diagnosis.
///
/// path      a folder with a DICOM series, or one file: .nii, .nii.gz, .mha, .mhd, .nrrd, .nhdr
/// DICOM     each slice rescaled with its own slope and intercept; the pixel padding value (or range)
///           becomes kPaddingHu. Order and spacing: arrange_slices. Uncompressed, RLE, JPEG, JPEG-LS
///           and JPEG 2000, as GDCM reads them
/// others    world coordinates of NIfTI (RAS) are turned into LPS. Values are HU by convention: these
///           formats do not say. Numbers with a fraction are rounded to the nearest
/// throws    IoError naming the file or slice: missing, truncated, of no known format, not CT, colour
///           or palette, several frames, no rescale, no position or orientation, what arrange_slices
///           refuses; axes not at right angles, more or less than three dimensions, one slice only,
///           values that are not finite
/// privacy   messages and records carry file names and numbers, nothing that stands in the file about a
///           patient
/// cost      memory of the volume and one slice (DICOM), or twice the volume
[[nodiscard]] Volume read_volume(const std::filesystem::path& path,
                                 const ReadOptions& options = {});

/// The geometry without the voxels, as `read_volume` would give it. Same refusals as far as headers
/// can tell.
[[nodiscard]] Volume read_volume_header(const std::filesystem::path& path,
                                        const ReadOptions& options = {});

}  // namespace aift::ct
