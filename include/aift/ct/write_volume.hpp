// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <aift/ct/volume.hpp>

namespace aift::ct {

/// Writes a volume as one file, int16, compressed where the format can: .nii, .nii.gz, .mha, .nrrd.
/// throws IoError: another ending, or it cannot be written
void write_volume(const std::filesystem::path& file, const Volume& volume);

/// What stands in the headers of a written DICOM series.
struct DicomText {
  std::string patient = "SYNTHETIC";  ///< name and identifier
  std::string description = {};       ///< of the series
  std::uint64_t uid_seed = 0;         ///< the same number gives the same identifiers
};

/// Writes a volume as a DICOM CT series, one file per slice (slice-0001.dcm, ...), explicit little
/// endian, stored as HU + 1024 with a rescale intercept of -1024. For generated data: every file says
/// that it is derived, not original.
///
/// folder    missing or empty
/// throws    IoError (folder, writing), ValueError (a voxel below -1024, a volume too large)
void write_dicom_series(const std::filesystem::path& folder, const Volume& volume,
                        const DicomText& text);

}  // namespace aift::ct
