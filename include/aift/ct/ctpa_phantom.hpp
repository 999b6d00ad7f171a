// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/progress.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// What a generated scan is like.
struct CtpaOptions {
  index_t scans = 24;         ///< patients, one scan each, in [1, 10000]
  std::uint64_t seed = 0;     ///< fixes every voxel
  index_t size = 320;         ///< columns and rows of a slice, in [64, 1024]
  double field_mm = 330;      ///< edge of a slice, in [250, 500]
  double thickness_mm = 1.5;  ///< distance and thickness of slices, in [0.5, 5]
  double length_mm = 240;     ///< from the first slice to the last, in [120, 400]
  double with_emboli = 0.8;   ///< share of scans that have any, in [0, 1]
  double test_share = 0.4;    ///< the last scans are marked as the test set, in [0, 1)
  bool dicom = true;          ///< write DICOM series
  bool nifti = true;          ///< write NIfTI
};

/// A filling defect of the truth.
struct Embolus {
  std::string kind;             ///< "central", "adherent" or "occluding"
  Point centre = {0, 0, 0};     ///< centroid of its voxels, mm, LPS
  double volume_mm3 = 0;        ///< of its voxels
  double vessel_radius_mm = 0;  ///< of the artery it lies in
};

/// Something that looks like an embolus and is none.
struct LookAlike {
  std::string kind;          ///< "node", "unfilled vein", "mixing", "plug" or "streak"
  Point centre = {0, 0, 0};  ///< mm, LPS
};

/// One generated scan and what is true about it.
struct CtpaScan {
  Volume volume;                     ///< HU
  std::vector<std::int16_t> labels;  ///< [z][y][x]: 0, or n in the voxels of embolus n (from 1)
  std::vector<Embolus> emboli;       ///< embolus n is emboli[n - 1]
  std::vector<LookAlike> look_alikes;  ///< what may be taken for an embolus
};

/// A synthetic CT pulmonary angiogram: body, ribs and spine, lungs, mediastinum with heart, aorta, vena
/// cava with undiluted contrast, airways, a branching tree of contrast-filled pulmonary arteries and one
/// of veins; emboli as filling defects; and what fools candidate generators: lymph nodes beside arteries,
/// veins without contrast, mixing of blood and contrast, mucus plugs, streaks, bifurcations. Edges have
/// the width of the scanner's blur, noise is correlated in the plane. Nothing in it was measured on a
/// patient, and a network trained on it says nothing about patients.
///
/// emboli  central (surrounded by contrast), adherent (at the wall), occluding (the whole vessel), in
///         arteries of 1.6 mm radius and more, a third in the main and lobar ones
/// random  Philox, keyed by (seed, scan); sines and roots are the C library's
/// scan    number of the scan, from 0
/// throws  ValueError (options)
[[nodiscard]] CtpaScan make_ctpa(const CtpaOptions& options, index_t scan);

/// What `write_ctpa` made.
struct CtpaResult {
  index_t scans = 0;   ///< written
  index_t emboli = 0;  ///< in all of them
};

/// Writes generated scans.
///
/// out     folder that is missing or empty: dicom/scan-001/..., nifti/scan-001.nii.gz,
///         truth/scan-001.nii.gz (label volume), scans.csv (volume,truth,emboli,split), emboli.csv
///         (volume,embolus_id,kind,x,y,z,volume_mm3,vessel_radius_mm), look_alikes.csv, README.txt,
///         SYNTHETIC. scans.csv is written last: a folder without it is incomplete. In the tables a
///         scan is named by its NIfTI file, or by its DICOM folder where there is none
/// cost    about 10 s of one core and 300 MB per scan of the default size
/// throws  ValueError (options), IoError (folder), CancelledError
CtpaResult write_ctpa(const std::filesystem::path& out, const CtpaOptions& options,
                      Executor* executor = nullptr, Progress* progress = nullptr);

}  // namespace aift::ct
