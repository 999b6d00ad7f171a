// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <aift/ct/read_volume.hpp>

namespace aift::ct {

/// A DICOM folder; `pixels` false: the geometry alone.
[[nodiscard]] Volume read_dicom(const std::filesystem::path& folder, const ReadOptions& options,
                                bool pixels);
/// A file that ITK reads: NIfTI, MetaImage, NRRD.
[[nodiscard]] Volume read_image_file(const std::filesystem::path& file, bool pixels);
/// Whether a file's name ends as one of those does.
[[nodiscard]] bool is_image_file(const std::filesystem::path& file);

}  // namespace aift::ct
