// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <itkImageIOBase.h>
#include <itkMacro.h>
#include <itkMetaDataObject.h>
#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkObject.h>

#include <aift/core/error.hpp>
#include <aift/io/numbers.hpp>

#include "src/ct/read_dicom.hpp"

namespace aift::ct {

namespace fs = std::filesystem;

namespace {

bool ends_with(const fs::path& file, std::string_view ending) {
  const std::string name = file.filename().string();
  return name.size() > ending.size() && name.ends_with(ending);
}

/// The first sentence of what ITK says, without its file and line.
std::string reason(const itk::ExceptionObject& error) {
  std::string text = error.GetDescription();
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  const auto begin = text.find("): ");
  if (begin != std::string::npos) text.erase(0, begin + 3);
  return text.substr(0, 200);
}

itk::ImageIOBase::Pointer make_io(const fs::path& file, std::string& format) {
  if (ends_with(file, ".nii") || ends_with(file, ".nii.gz")) {
    format = "NIfTI";
    return itk::NiftiImageIO::New().GetPointer();
  }
  if (ends_with(file, ".mha") || ends_with(file, ".mhd")) {
    format = "MetaImage";
    return itk::MetaImageIO::New().GetPointer();
  }
  format = "NRRD";
  return itk::NrrdImageIO::New().GetPointer();
}

Geometry geometry_of(itk::ImageIOBase& io, const fs::path& file) {
  const unsigned int dimensions = io.GetNumberOfDimensions();
  bool three = dimensions >= 3;
  for (unsigned int d = 3; d < dimensions; ++d)
    three = three && io.GetDimensions(d) == 1;
  AIFT_EXPECT(three, IoError, "{} must hold one volume of three dimensions; it has {}{}.",
              file.string(), dimensions,
              dimensions > 3 ? ", several volumes one after another" : "");
  Geometry g;
  for (unsigned int a = 0; a < 3; ++a) {
    g.size[a] = static_cast<index_t>(io.GetDimensions(a));
    g.spacing[a] = io.GetSpacing(a);
    g.origin[a] = io.GetOrigin(a);
    const std::vector<double> axis = io.GetDirection(a);
    for (std::size_t r = 0; r < 3; ++r)
      g.axes[a][r] = r < axis.size() ? axis[r] : 0;
  }
  AIFT_EXPECT(g.size[0] >= 1 && g.size[1] >= 1 && g.size[2] >= 2, IoError,
              "{} must hold a volume of at least two slices; it is {} x {} x {}.", file.string(),
              g.size[0], g.size[1], g.size[2]);
  bool right = true;
  for (std::size_t a = 0; a < 3; ++a) {
    const bool positive = g.spacing[a] > 0 && std::isfinite(g.spacing[a]);
    AIFT_EXPECT(positive && std::isfinite(g.origin[a]), IoError,
                "{} must have a positive spacing and a finite origin; it has {:g} mm and {:g} mm "
                "along axis {}.",
                file.string(), g.spacing[a], g.origin[a], a);
    for (std::size_t b = a; b < 3; ++b) {
      const double wanted = a == b ? 1 : 0;
      right = right && std::abs(dot(g.axes[a], g.axes[b]) - wanted) <= 1e-3;
    }
  }
  AIFT_EXPECT(right, IoError,
              "The axes of {} must be at right angles; they are not (a sheared or tilted volume).",
              file.string());
  return g;
}

template <class Stored>
void convert(const std::vector<char>& bytes, const fs::path& file, Volume& volume) {
  constexpr double kLow = std::numeric_limits<std::int16_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int16_t>::max();
  const auto* stored = reinterpret_cast<const Stored*>(bytes.data());
  for (std::size_t i = 0; i < volume.voxels.size(); ++i) {
    const auto value = static_cast<double>(stored[i]);
    AIFT_EXPECT(std::isfinite(value), IoError,
                "{} holds a value that is no number, at voxel ({}, {}, {}).", file.string(),
                static_cast<index_t>(i) % volume.geometry.size[0],
                static_cast<index_t>(i) / volume.geometry.size[0] % volume.geometry.size[1],
                static_cast<index_t>(i) / (volume.geometry.size[0] * volume.geometry.size[1]));
    const double hu = std::nearbyint(value);
    if (hu < kLow || hu > kHigh) ++volume.record.clipped;
    volume.voxels[i] = static_cast<std::int16_t>(std::clamp(hu, kLow, kHigh));
  }
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  AIFT_EXPECT(!error, IoError, "{} cannot be read: {}.", file.string(), error.message());
  return size;
}

[[noreturn]] void cut_short(const fs::path& file, std::uint64_t has, std::uint64_t needs) {
  throw IoError(fmt::format("{} is cut short: it holds {} bytes, and its voxels need {}.",
                            file.string(), has, needs));
}

/// ITK leaves zeros where a NIfTI file ends too early.
void expect_whole_nifti(itk::ImageIOBase& io, const fs::path& file, std::uint64_t data) {
  std::string text;
  itk::ExposeMetaData<std::string>(io.GetMetaDataDictionary(), "vox_offset", text);
  const auto offset = aift::io::parse_number(text);
  const std::uint64_t needs =
      data + static_cast<std::uint64_t>(offset && *offset >= 0 && *offset < 1e9 ? *offset : 352);
  const std::uint64_t size = size_of(file);
  if (!ends_with(file, ".gz")) {
    if (size < needs) cut_short(file, size, needs);
    return;
  }
  // The last four bytes say how many there are when unpacked, modulo 2^32; some tools pad.
  std::array<unsigned char, 4> tail{};
  std::ifstream in(file, std::ios::binary);
  in.seekg(-4, std::ios::end);
  in.read(reinterpret_cast<char*>(tail.data()), 4);
  const std::uint32_t unpacked =
      static_cast<std::uint32_t>(tail[0]) | static_cast<std::uint32_t>(tail[1]) << 8 |
      static_cast<std::uint32_t>(tail[2]) << 16 | static_cast<std::uint32_t>(tail[3]) << 24;
  if (unpacked - static_cast<std::uint32_t>(needs) >= 4096) cut_short(file, unpacked, needs);
}

/// ITK says on stderr that a MetaImage is cut short, and goes on.
void expect_whole_meta(const fs::path& file, std::uint64_t data) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  std::uint64_t packed = 0;
  for (int n = 0; n < 1000 && std::getline(in, line); ++n) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
      line.pop_back();
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_first_of(" ="));
    const auto begin = line.find_first_not_of(" ", equals + 1);
    const std::string value = begin == std::string::npos ? "" : line.substr(begin);
    if (key == "CompressedDataSize") {
      if (const auto bytes = aift::io::parse_integer(value))
        packed = static_cast<std::uint64_t>(*bytes);
    }
    if (key != "ElementDataFile") continue;
    const std::uint64_t needs = packed > 0 ? packed : data;
    if (value == "LOCAL") {
      const auto header = static_cast<std::uint64_t>(in.tellg());
      if (size_of(file) < header + needs) cut_short(file, size_of(file), header + needs);
    } else {
      AIFT_EXPECT(!value.starts_with("LIST") && value.find('%') == std::string::npos, IoError,
                  "{} keeps its voxels in several files, which is not read.", file.string());
      const fs::path other = file.parent_path() / value;
      if (size_of(other) < needs) cut_short(other, size_of(other), needs);
    }
    return;
  }
}

void read_voxels(itk::ImageIOBase& io, const fs::path& file, Volume& volume) {
  const auto count = static_cast<std::size_t>(volume.geometry.voxels());
  const auto size = static_cast<std::size_t>(io.GetComponentSize());
  AIFT_EXPECT(static_cast<std::size_t>(io.GetImageSizeInBytes()) == count * size, IoError,
              "{} must have one number per voxel.", file.string());
  if (volume.record.format == "NIfTI") expect_whole_nifti(io, file, count * size);
  if (volume.record.format == "MetaImage") expect_whole_meta(file, count * size);
  std::vector<char> bytes(count * size);
  io.Read(bytes.data());
  volume.voxels.resize(count);
  using Type = itk::IOComponentEnum;
  switch (io.GetComponentType()) {
    case Type::UCHAR:
      return convert<unsigned char>(bytes, file, volume);
    case Type::CHAR:
      return convert<signed char>(bytes, file, volume);
    case Type::USHORT:
      return convert<unsigned short>(bytes, file, volume);
    case Type::SHORT:
      return convert<short>(bytes, file, volume);
    case Type::UINT:
      return convert<unsigned int>(bytes, file, volume);
    case Type::INT:
      return convert<int>(bytes, file, volume);
    case Type::ULONG:
      return convert<unsigned long>(bytes, file, volume);
    case Type::LONG:
      return convert<long>(bytes, file, volume);
    case Type::FLOAT:
      return convert<float>(bytes, file, volume);
    case Type::DOUBLE:
      return convert<double>(bytes, file, volume);
    default:
      throw IoError(fmt::format("{} must hold numbers; its voxels are of the type {}.",
                                file.string(), io.GetComponentTypeAsString(io.GetComponentType())));
  }
}

}  // namespace

bool is_image_file(const fs::path& file) {
  for (const std::string_view ending : {".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"}) {
    if (ends_with(file, ending)) return true;
  }
  return false;
}

Volume read_image_file(const fs::path& file, bool pixels) {
  itk::Object::GlobalWarningDisplayOff();  // what is wrong is said in the exception
  Volume volume;
  try {
    const itk::ImageIOBase::Pointer io = make_io(file, volume.record.format);
    AIFT_EXPECT(io->CanReadFile(file.c_str()), IoError,
                "{} cannot be read as {}: it is damaged, cut short or of another kind.",
                file.string(), volume.record.format);
    io->SetFileName(file.string());
    io->ReadImageInformation();
    AIFT_EXPECT(io->GetPixelType() == itk::IOPixelEnum::SCALAR && io->GetNumberOfComponents() == 1,
                IoError, "{} must have one grey value per voxel; it has {} components.",
                file.string(), io->GetNumberOfComponents());
    volume.geometry = geometry_of(*io, file);
    if (!pixels) return volume;
    itk::ImageIORegion region(3);
    for (unsigned int a = 0; a < 3; ++a)
      region.SetSize(a, static_cast<itk::SizeValueType>(volume.geometry.size[a]));
    io->SetIORegion(region);
    read_voxels(*io, file, volume);
  } catch (const itk::ExceptionObject& error) {
    throw IoError(
        fmt::format("{} cannot be read as {}: it is damaged, cut short or of another "
                    "kind ({}).",
                    file.string(), volume.record.format, reason(error)));
  }
  return volume;
}

}  // namespace aift::ct
