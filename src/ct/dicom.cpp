// SPDX-License-Identifier: Apache-2.0
#include "src/ct/dicom.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>
#include <string_view>

#include <gdcmImageReader.h>
#include <gdcmTrace.h>

#include <aift/core/error.hpp>
#include <aift/io/mapped_file.hpp>

#include "src/ct/dicom_header.hpp"

namespace aift::ct::dicom {
namespace {

namespace fs = std::filesystem;

/// GDCM writes to stderr what we say in exceptions.
void silence() {
  static std::once_flag once;
  std::call_once(once, [] {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
  });
}

std::string upper(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return s;
}

/// Fills what makes a slice of a volume, and says what is missing for that.
std::string fill(const Header& data, Slice& slice) {
  slice.modality = data.text(0x00080060);
  if (slice.modality != "CT") {
    return fmt::format("its modality must be CT; it is {}",
                       slice.modality.empty() ? "not given" : slice.modality);
  }
  if (!data.elements.contains(0x00280010)) return "it has no image";
  const auto frames = data.numbers(0x00280008);
  if (!frames.empty() && frames[0] > 1) {
    return fmt::format("it holds {:g} frames; multi-frame (enhanced) CT is not read", frames[0]);
  }
  const std::string colour = upper(data.text(0x00280004));
  const auto samples = data.word(0x00280002);
  if (samples.value_or(1) != 1 || colour != "MONOCHROME2") {
    return fmt::format(
        "its pixels must be single grey values (MONOCHROME2); they are {} with {} "
        "samples",
        colour.empty() ? "of no given kind" : colour, samples.value_or(1));
  }
  slice.header.rows = data.word(0x00280010).value_or(0);
  slice.header.columns = data.word(0x00280011).value_or(0);
  const auto slope = data.numbers(0x00281053);
  const auto intercept = data.numbers(0x00281052);
  if (slope.size() != 1 || intercept.size() != 1 || slope[0] == 0) {
    return "it says no rescale slope and intercept, without which its values are no Hounsfield "
           "units";
  }
  if (!data.has_pixels) return "it has no pixel data";
  const std::uint64_t pixels = static_cast<std::uint64_t>(slice.header.rows) *
                               static_cast<std::uint64_t>(slice.header.columns);
  const auto bits = static_cast<std::uint64_t>(data.word(0x00280100).value_or(0));
  if (!data.encapsulated && (bits == 0 || data.pixel_bytes < pixels * bits / 8)) {
    return fmt::format("its pixel data has {} bytes, and {} x {} pixels of {} bits need {}",
                       data.pixel_bytes, slice.header.columns, slice.header.rows, bits,
                       pixels * bits / 8);
  }
  slice.slope = slope[0];
  slice.intercept = intercept[0];
  slice.rescale_type = data.text(0x00281054);
  if (!slice.rescale_type.empty() && slice.rescale_type != "HU" && slice.rescale_type != "US") {
    return fmt::format("its rescaled values are {}, not Hounsfield units (HU)", slice.rescale_type);
  }
  const auto position = data.numbers(0x00200032);
  if (position.size() != 3) return "it has no image position (three numbers)";
  const auto orientation = data.numbers(0x00200037);
  if (orientation.size() != 6) return "it has no image orientation (six numbers)";
  const auto spacing = data.numbers(0x00280030);
  if (spacing.size() != 2) return "it has no pixel spacing (two numbers)";
  std::copy(position.begin(), position.end(), slice.header.position.begin());
  std::copy(orientation.begin(), orientation.begin() + 3, slice.header.row_axis.begin());
  std::copy(orientation.begin() + 3, orientation.end(), slice.header.column_axis.begin());
  slice.header.pixel_spacing = {spacing[0], spacing[1]};
  const auto tilt = data.numbers(0x00181120);
  if (tilt.size() == 1 && std::abs(tilt[0]) > 0.01) {
    const Point normal = cross(slice.header.row_axis, slice.header.column_axis);
    // A table may be scanned at an angle with straight slices; sheared ones have upright normals.
    if (std::abs(std::abs(normal[2]) - 1) < 1e-6) {
      return fmt::format("its gantry was tilted by {:g} degrees", tilt[0]);
    }
  }
  const auto thickness = data.numbers(0x00180050);
  if (thickness.size() == 1 && thickness[0] > 0) slice.thickness = thickness[0];
  const bool is_signed = data.word(0x00280103).value_or(0) != 0;
  if (const auto value = data.word(0x00280120, is_signed)) {
    const auto limit = data.word(0x00280121, is_signed).value_or(*value);
    slice.padding = std::minmax(*value, limit);
  }
  return {};
}

template <class Stored>
void to_hu(const char* bytes, const Slice& slice, std::span<std::int16_t> out,
           VolumeRecord& record) {
  constexpr double kLow = std::numeric_limits<std::int16_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int16_t>::max();
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored = 0;
    std::memcpy(&stored, bytes + i * sizeof(Stored), sizeof(Stored));
    if (slice.padding && stored >= slice.padding->first && stored <= slice.padding->second) {
      out[i] = kPaddingHu;
      ++record.padded;
      continue;
    }
    const double hu = std::nearbyint(slice.slope * stored + slice.intercept);
    if (hu < kLow || hu > kHigh) ++record.clipped;
    out[i] = static_cast<std::int16_t>(std::clamp(hu, kLow, kHigh));
  }
}

}  // namespace

bool has_dicom_magic(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  char head[132] = {};
  in.read(head, sizeof(head));
  return in.gcount() == sizeof(head) && std::memcmp(head + 128, "DICM", 4) == 0;
}

Slice read_header(const fs::path& file) {
  Slice slice;
  slice.file = file;
  slice.header.name = file.filename().string();
  const io::MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  Header header;
  const std::string fault =
      parse_header({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, header);
  AIFT_EXPECT(fault.empty(), IoError,
              "{} {}; as a DICOM file it is damaged, cut short or of another kind.", file.string(),
              fault);
  slice.series = header.text(0x0020000E);
  slice.refusal = fill(header, slice);
  return slice;
}

void read_pixels(const Slice& slice, std::span<std::int16_t> out, VolumeRecord& record) {
  silence();
  const std::string& name = slice.header.name;
  std::vector<char> bytes;
  gdcm::PixelFormat format;
  bool read = false;
  try {
    gdcm::ImageReader reader;
    reader.SetFileName(slice.file.c_str());
    if (reader.Read()) {
      const gdcm::Image& image = reader.GetImage();
      format = image.GetPixelFormat();
      const unsigned int* size = image.GetDimensions();
      const bool fits = size[0] == static_cast<unsigned int>(slice.header.columns) &&
                        size[1] == static_cast<unsigned int>(slice.header.rows);
      const std::size_t length = image.GetBufferLength();
      if (fits && length == out.size() * format.GetPixelSize()) {
        bytes.resize(length);
        read = image.GetBuffer(bytes.data());
      }
    }
  } catch (const std::exception&) {  // of GDCM, on damaged files
  }
  AIFT_EXPECT(read, IoError,
              "The pixels of slice {} cannot be decoded: the file is damaged, cut short, or "
              "compressed in a way that is not known.",
              name);
  switch (format.GetScalarType()) {
    case gdcm::PixelFormat::UINT16:
      return to_hu<std::uint16_t>(bytes.data(), slice, out, record);
    case gdcm::PixelFormat::INT16:
      return to_hu<std::int16_t>(bytes.data(), slice, out, record);
    case gdcm::PixelFormat::UINT8:
      return to_hu<std::uint8_t>(bytes.data(), slice, out, record);
    case gdcm::PixelFormat::INT8:
      return to_hu<std::int8_t>(bytes.data(), slice, out, record);
    default:
      throw IoError(
          fmt::format("The pixels of slice {} must be whole numbers of 8 or 16 bits; they "
                      "are {}.",
                      name, format.GetScalarTypeAsString()));
  }
}

}  // namespace aift::ct::dicom
