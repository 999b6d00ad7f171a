// SPDX-License-Identifier: Apache-2.0
#include "src/ct/read_dicom.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/ct/series.hpp>
#include <aift/io/numbers.hpp>

#include "src/ct/dicom.hpp"

namespace aift::ct {

namespace fs = std::filesystem;

namespace {

struct Folder {
  std::vector<std::vector<dicom::Slice>> series;  ///< most slices first, then by UID
  index_t strangers = 0;                          ///< files that are no DICOM
};

bool ends_like_dicom(const fs::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".dcm" || extension == ".DCM" || extension == ".dicom";
}

Folder read_headers(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && !name.starts_with('.') && name != "DICOMDIR")
      files.push_back(entry.path());
  }
  AIFT_EXPECT(!error, IoError, "The folder {} cannot be read: {}.", folder.string(),
              error.message());
  std::sort(files.begin(), files.end());
  Folder out;
  std::map<std::string, std::vector<dicom::Slice>> by_uid;
  for (const fs::path& file : files) {
    if (!dicom::has_dicom_magic(file)) {
      AIFT_EXPECT(!ends_like_dicom(file), IoError,
                  "{} is named like a DICOM file and does not begin like one: it is empty, cut "
                  "short or of another kind.",
                  file.string());
      ++out.strangers;
      continue;
    }
    dicom::Slice slice = dicom::read_header(file);
    by_uid[slice.series].push_back(std::move(slice));
  }
  for (auto& [uid, slices] : by_uid)
    out.series.push_back(std::move(slices));
  std::stable_sort(out.series.begin(), out.series.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  AIFT_EXPECT(!out.series.empty(), IoError,
              "The folder {} holds no DICOM file; give the folder in which the slices lie.",
              folder.string());
  return out;
}

std::size_t choose(const Folder& found, const std::string& wanted, const fs::path& folder) {
  if (wanted.empty()) {
    for (std::size_t s = 0; s < found.series.size();
         ++s) {  // the largest that is a CT image at all
      if (std::all_of(found.series[s].begin(), found.series[s].end(),
                      [](const auto& slice) { return slice.modality == "CT"; })) {
        return s;
      }
    }
    return 0;
  }
  for (std::size_t s = 0; s < found.series.size(); ++s) {
    if (found.series[s].front().series == wanted) return s;
  }
  const auto number = io::parse_integer(wanted);
  AIFT_EXPECT(number && *number >= 1 && *number <= static_cast<index_t>(found.series.size()),
              IoError,
              "{} has {} series; the one that is asked for must be a number from 1 to {} or the "
              "UID of one of them.",
              folder.string(), found.series.size(), found.series.size());
  return static_cast<std::size_t>(*number - 1);
}

/// Slices at uneven places, interpolated to even ones.
void resample(const SeriesLayout& layout, Volume& volume) {
  const double length = layout.places.back() - layout.places.front();
  const auto count = static_cast<index_t>(std::floor(length / layout.spacing + 1e-6)) + 1;
  const auto plane = static_cast<std::size_t>(volume.geometry.size[0] * volume.geometry.size[1]);
  std::vector<std::int16_t> even(plane * static_cast<std::size_t>(count));
  std::size_t below = 0;
  for (index_t z = 0; z < count; ++z) {
    const double place = layout.places.front() + static_cast<double>(z) * layout.spacing;
    while (below + 2 < layout.places.size() && layout.places[below + 1] <= place)
      ++below;
    const double gap = layout.places[below + 1] - layout.places[below];
    const double part = std::clamp((place - layout.places[below]) / gap, 0.0, 1.0);
    const std::int16_t* a = volume.voxels.data() + below * plane;
    const std::int16_t* b = a + plane;
    std::int16_t* to = even.data() + static_cast<std::size_t>(z) * plane;
    for (std::size_t i = 0; i < plane; ++i) {
      to[i] = static_cast<std::int16_t>(std::nearbyint((1 - part) * a[i] + part * b[i]));
    }
  }
  volume.voxels = std::move(even);
  volume.geometry.size[2] = count;
}

}  // namespace

Volume read_dicom(const fs::path& folder, const ReadOptions& options, bool pixels) {
  const Folder found = read_headers(folder);
  const std::size_t chosen = choose(found, options.series, folder);
  const std::vector<dicom::Slice>& slices = found.series[chosen];
  std::vector<SliceHeader> headers;
  for (const dicom::Slice& slice : slices) {
    AIFT_EXPECT(slice.refusal.empty(), IoError, "Slice {} of {} is refused: {}.", slice.header.name,
                folder.string(), slice.refusal);
    headers.push_back(slice.header);
  }
  SeriesLayout layout;
  try {
    layout = arrange_slices(headers, {.allow_uneven = options.allow_resample});
  } catch (const ValueError& error) {
    throw IoError(fmt::format("{} is refused: {}", folder.string(), error.what()));
  }
  Volume volume;
  volume.geometry = layout.geometry;
  VolumeRecord& record = volume.record;
  record.format = "DICOM series";
  record.series = static_cast<index_t>(found.series.size());
  record.chosen = static_cast<index_t>(chosen) + 1;
  record.slice_thickness = slices.front().thickness;
  if (found.series.size() > 1) {
    record.notes.push_back(fmt::format("Of {} series, number {} was read, with {} slices.",
                                       record.series, record.chosen, slices.size()));
  }
  if (found.strangers > 0) {
    record.notes.push_back(
        fmt::format("{} files of the folder are no DICOM and were left out.", found.strangers));
  }
  if (record.slice_thickness > 0 && layout.spacing > 1.01 * record.slice_thickness) {
    record.notes.push_back(fmt::format(
        "Slices are {:g} mm apart and {:g} mm thick: what lies between them was not measured.",
        layout.spacing, record.slice_thickness));
  }
  if (pixels) {
    volume.voxels.resize(static_cast<std::size_t>(volume.geometry.voxels()));
    const auto plane = static_cast<std::size_t>(volume.geometry.size[0] * volume.geometry.size[1]);
    for (std::size_t z = 0; z < layout.order.size(); ++z) {
      dicom::read_pixels(slices[static_cast<std::size_t>(layout.order[z])],
                         std::span(volume.voxels).subspan(z * plane, plane), record);
    }
  }
  if (!layout.even) {
    record.resampled = true;
    record.notes.push_back(fmt::format(
        "Slices were unevenly spaced; they have been interpolated to {:g} mm.", layout.spacing));
    if (pixels) {
      resample(layout, volume);
    } else {
      const double length = layout.places.back() - layout.places.front();
      volume.geometry.size[2] =
          static_cast<index_t>(std::floor(length / layout.spacing + 1e-6)) + 1;
    }
  }
  return volume;
}

std::vector<SeriesInfo> list_series(const fs::path& folder) {
  std::vector<SeriesInfo> out;
  for (const auto& slices : read_headers(folder).series) {
    const dicom::Slice& first = slices.front();
    out.push_back({first.series, first.modality, static_cast<index_t>(slices.size()),
                   first.header.columns, first.header.rows});
  }
  return out;
}

}  // namespace aift::ct
