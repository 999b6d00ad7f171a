// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/write_volume.hpp>

#include <system_error>
#include <vector>

#include <itkImageIOBase.h>
#include <itkMacro.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>

#include <aift/core/error.hpp>

namespace aift::ct {

namespace fs = std::filesystem;

void write_volume(const fs::path& file, const Volume& volume) {
  const std::string name = file.filename().string();
  const Geometry& g = volume.geometry;
  AIFT_EXPECT(static_cast<index_t>(volume.voxels.size()) == g.voxels() && g.voxels() > 0,
              ShapeError, "A volume of {} x {} x {} has {} voxels; this one has {}.", g.size[0],
              g.size[1], g.size[2], g.voxels(), volume.voxels.size());
  itk::ImageIOBase::Pointer io;
  if (name.ends_with(".nii") || name.ends_with(".nii.gz")) {
    io = itk::NiftiImageIO::New().GetPointer();
  } else if (name.ends_with(".mha")) {
    io = itk::MetaImageIO::New().GetPointer();
  } else if (name.ends_with(".nrrd")) {
    io = itk::NrrdImageIO::New().GetPointer();
  }
  AIFT_EXPECT(io.IsNotNull(), IoError,
              "The file {} must end in .nii, .nii.gz, .mha or .nrrd to be written as a volume.",
              file.string());
  std::error_code error;
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  try {
    io->SetFileName(file.string());
    io->SetNumberOfDimensions(3);
    itk::ImageIORegion region(3);
    for (unsigned int a = 0; a < 3; ++a) {
      io->SetDimensions(a, static_cast<itk::SizeValueType>(g.size[a]));
      io->SetSpacing(a, g.spacing[a]);
      io->SetOrigin(a, g.origin[a]);
      io->SetDirection(a, std::vector<double>(g.axes[a].begin(), g.axes[a].end()));
      region.SetSize(a, static_cast<itk::SizeValueType>(g.size[a]));
    }
    io->SetIORegion(region);
    io->SetPixelType(itk::IOPixelEnum::SCALAR);
    io->SetNumberOfComponents(1);
    io->SetComponentType(itk::IOComponentEnum::SHORT);
    io->UseCompressionOn();
    io->Write(volume.voxels.data());
  } catch (const itk::ExceptionObject& failure) {
    throw IoError(
        fmt::format("{} cannot be written: {}.", file.string(), failure.GetDescription()));
  }
}

}  // namespace aift::ct
