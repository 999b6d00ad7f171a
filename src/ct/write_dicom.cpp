// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/write_volume.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/numbers.hpp>

namespace aift::ct {

namespace fs = std::filesystem;

namespace {

/// A DICOM file in memory, explicit little endian; elements are added in the order of their tags.
class DicomFile {
 public:
  void text(std::uint32_t tag, const char* vr, std::string value) {
    if (value.size() % 2 != 0) value += std::string_view(vr) == "UI" ? '\0' : ' ';
    head(tag, vr);
    number(value.size(), 2);
    bytes_ += value;
  }
  void word(std::uint32_t tag, index_t value) {
    head(tag, "US");
    number(2, 2);
    number(static_cast<std::size_t>(value), 2);
  }
  /// `vr` one of the long ones: OB, OW.
  void data(std::uint32_t tag, const char* vr, std::string_view value) {
    head(tag, vr);
    number(0, 2);
    number(value.size(), 4);
    bytes_ += value;
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void head(std::uint32_t tag, const char* vr) {
    number(tag >> 16, 2);
    number(tag & 0xFFFFU, 2);
    bytes_ += vr;
  }
  void number(std::size_t value, int width) {
    for (int i = 0; i < width; ++i)
      bytes_ += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }

  std::string bytes_;
};

/// A decimal string of at most 16 characters.
std::string decimal(double value) {
  std::string text = io::shortest(value);
  for (int digits = 15; text.size() > 16 && digits > 0; --digits)
    text = fmt::format("{:.{}g}", value, digits);
  return text;
}

std::string joined(const Point& p) {
  return decimal(p[0]) + "\\" + decimal(p[1]) + "\\" + decimal(p[2]);
}

/// An identifier of our own, under the arc of numbers below 2^128 that nobody hands out (2.25).
std::string uid(std::uint64_t seed, std::uint64_t use) {
  constexpr std::uint64_t kDigits = 1'000'000'000'000'000'000;  // 18 and 20 of them stay below
  return fmt::format("2.25.{}{:020}", 1 + splitmix64(seed ^ splitmix64(use)) % (kDigits - 1),
                     splitmix64(seed + 3 * use + 1));
}

}  // namespace

void write_dicom_series(const fs::path& folder, const Volume& volume, const DicomText& text) {
  const Geometry& g = volume.geometry;
  AIFT_EXPECT(static_cast<index_t>(volume.voxels.size()) == g.voxels() && g.voxels() > 0,
              ShapeError, "A volume of {} x {} x {} has {} voxels; this one has {}.", g.size[0],
              g.size[1], g.size[2], g.voxels(), volume.voxels.size());
  AIFT_EXPECT(g.size[0] <= 65535 && g.size[1] <= 65535, ValueError,
              "A DICOM slice has at most 65535 x 65535 pixels; the volume has {} x {}.", g.size[0],
              g.size[1]);
  AIFT_EXPECT(dot(cross(g.axes[0], g.axes[1]), g.axes[2]) > 0, ValueError,
              "A DICOM series has right-handed axes; those of the volume are mirrored.");
  std::error_code error;
  fs::create_directories(folder, error);
  AIFT_EXPECT(!error && fs::is_empty(folder, error), IoError,
              "The folder {} must be new or empty to hold a DICOM series.", folder.string());
  const auto plane = static_cast<std::size_t>(g.size[0] * g.size[1]);
  std::string pixels(2 * plane, '\0');
  for (index_t z = 0; z < g.size[2]; ++z) {
    const std::int16_t* from = volume.voxels.data() + static_cast<std::size_t>(z) * plane;
    for (std::size_t i = 0; i < plane; ++i) {
      AIFT_EXPECT(from[i] >= -1024, ValueError,
                  "Voxels of a written series must be at least -1024 HU; one of slice {} is {}.", z,
                  from[i]);
      const int stored = from[i] + 1024;
      pixels[2 * i] = static_cast<char>(stored & 0xFF);
      pixels[2 * i + 1] = static_cast<char>(stored >> 8);
    }
    const Point position = g.to_world({0, 0, static_cast<double>(z)});
    const std::string instance = uid(text.uid_seed, 16 + static_cast<std::uint64_t>(z));
    constexpr const char* kCtImage = "1.2.840.10008.5.1.4.1.1.2";
    DicomFile meta;
    meta.data(0x00020001, "OB", std::string_view("\0\1", 2));
    meta.text(0x00020002, "UI", kCtImage);
    meta.text(0x00020003, "UI", instance);
    meta.text(0x00020010, "UI", "1.2.840.10008.1.2.1");
    meta.text(0x00020012, "UI", uid(0x41494654, 0));
    DicomFile data;
    data.text(0x00080008, "CS", "DERIVED\\SECONDARY\\AXIAL");
    data.text(0x00080016, "UI", kCtImage);
    data.text(0x00080018, "UI", instance);
    data.text(0x00080060, "CS", "CT");
    data.text(0x0008103E, "LO", text.description);
    data.text(0x00100010, "PN", text.patient);
    data.text(0x00100020, "LO", text.patient);
    data.text(0x00180050, "DS", decimal(g.spacing[2]));
    data.text(0x0020000D, "UI", uid(text.uid_seed, 1));
    data.text(0x0020000E, "UI", uid(text.uid_seed, 2));
    data.text(0x00200011, "IS", "1");
    data.text(0x00200013, "IS", fmt::format("{}", z + 1));
    data.text(0x00200032, "DS", joined(position));
    data.text(0x00200037, "DS", joined(g.axes[0]) + "\\" + joined(g.axes[1]));
    data.text(0x00200052, "UI", uid(text.uid_seed, 3));
    data.word(0x00280002, 1);
    data.text(0x00280004, "CS", "MONOCHROME2");
    data.word(0x00280010, g.size[1]);
    data.word(0x00280011, g.size[0]);
    data.text(0x00280030, "DS", decimal(g.spacing[1]) + "\\" + decimal(g.spacing[0]));
    data.word(0x00280100, 16);
    data.word(0x00280101, 16);
    data.word(0x00280102, 15);
    data.word(0x00280103, 0);
    data.text(0x00281052, "DS", "-1024");
    data.text(0x00281053, "DS", "1");
    data.text(0x00281054, "LO", "HU");
    data.data(0x7FE00010, "OW", pixels);
    const auto length = static_cast<std::uint32_t>(meta.bytes().size());
    std::string file(128, '\0');
    file += "DICM";
    file += std::string_view("\2\0\0\0UL\4\0", 8);
    for (int i = 0; i < 4; ++i)
      file += static_cast<char>((length >> (8 * i)) & 0xFFU);
    file += meta.bytes();
    file += data.bytes();
    io::write_file_atomically(folder / fmt::format("slice-{:04}.dcm", z + 1), file);
  }
}

}  // namespace aift::ct
