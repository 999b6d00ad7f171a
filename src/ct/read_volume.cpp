// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/read_volume.hpp>

#include <system_error>

#include <aift/core/error.hpp>

#include "src/ct/dicom.hpp"
#include "src/ct/read_dicom.hpp"

namespace aift::ct {
namespace {

namespace fs = std::filesystem;

Volume read(const fs::path& path, const ReadOptions& options, bool pixels) {
  std::error_code error;
  AIFT_EXPECT(fs::exists(path, error), IoError,
              "{} is not there; give a folder with a DICOM series "
              "or a .nii, .nii.gz, .mha, .mhd, .nrrd or .nhdr file.",
              path.string());
  if (fs::is_directory(path, error)) return read_dicom(path, options, pixels);
  if (is_image_file(path)) return read_image_file(path, pixels);
  if (dicom::has_dicom_magic(path)) {
    const dicom::Slice slice = dicom::read_header(path);
    AIFT_EXPECT(slice.refusal.empty(), IoError, "{} is refused: {}.", path.string(), slice.refusal);
    throw IoError(fmt::format(
        "{} is one slice, and a volume needs the series; give the folder in which it lies.",
        path.string()));
  }
  throw IoError(fmt::format(
      "{} is no volume that can be read: it does not begin as a DICOM file does, and its name does "
      "not end in .nii, .nii.gz, .mha, .mhd, .nrrd or .nhdr.",
      path.string()));
}

}  // namespace

Volume read_volume(const fs::path& path, const ReadOptions& options) {
  return read(path, options, true);
}

Volume read_volume_header(const fs::path& path, const ReadOptions& options) {
  return read(path, options, false);
}

}  // namespace aift::ct
