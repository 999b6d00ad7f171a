// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/ctpa_phantom.hpp>
#include <aift/ct/write_volume.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

#include "src/ct/ctpa_scene.hpp"

namespace aift::ct {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSentence =
    "Synthetic CT pulmonary angiograms, computed from a geometric model; no patient was scanned.";

std::string line(std::initializer_list<std::string> fields) {
  return io::csv_line(std::vector<std::string>(fields));
}

std::string readme(const CtpaOptions& o) {
  return fmt::format(
      "{}\nThey are for trying out and testing software. Nothing that is learnt from them says "
      "anything about patients.\n\n"
      "scans.csv       volume, label volume of the truth, number of emboli, pool or test\n"
      "emboli.csv      every embolus: scan, number, kind, centroid in mm (LPS), volume\n"
      "look_alikes.csv what looks like one and is none\n"
      "truth/          0, or n in the voxels of embolus n\n\n"
      "Made with {} scans, seed {}, {} x {} pixels of {:.4g} mm, slices of {:g} mm.\n",
      kSentence, o.scans, o.seed, o.size, o.size, o.field_mm / static_cast<double>(o.size),
      o.thickness_mm);
}

}  // namespace

CtpaResult write_ctpa(const fs::path& out, const CtpaOptions& options, Executor* executor,
                      Progress* progress) {
  AIFT_EXPECT(options.dicom || options.nifti, ValueError,
              "Scans must be written as DICOM, as NIfTI or as both; neither was asked for.");
  phantom::check(options);
  std::error_code error;
  fs::create_directories(out, error);
  AIFT_EXPECT(!error && fs::is_empty(out, error), IoError,
              "The folder {} must be new or empty; choose another one, or remove it first.",
              out.string());
  struct Done {
    std::string volume;
    std::vector<Embolus> emboli;
    std::vector<LookAlike> look_alikes;
  };
  std::vector<Done> done(static_cast<std::size_t>(options.scans));
  std::mutex mutex;
  index_t finished = 0;
  const std::thread::id caller = std::this_thread::get_id();
  const auto one = [&](index_t n, int) {
    if (progress != nullptr) throw_if_cancelled(*progress);
    const std::string name = fmt::format("scan-{:03}", n + 1);
    CtpaScan scan = make_ctpa(options, n);
    Done& mine = done[static_cast<std::size_t>(n)];
    if (options.dicom) {
      mine.volume = "dicom/" + name;
      write_dicom_series(out / mine.volume, scan.volume,
                         {.patient = "SYNTHETIC",
                          .description = "SYNTHETIC CTPA PHANTOM",
                          .uid_seed = splitmix64(options.seed) ^ static_cast<std::uint64_t>(n)});
    }
    if (options.nifti) {
      mine.volume = "nifti/" + name + ".nii.gz";
      write_volume(out / mine.volume, scan.volume);
    }
    scan.volume.voxels = std::move(scan.labels);
    write_volume(out / "truth" / (name + ".nii.gz"), scan.volume);
    mine.emboli = std::move(scan.emboli);
    mine.look_alikes = std::move(scan.look_alikes);
    const std::lock_guard lock(mutex);
    ++finished;
    // it wants to be told from the thread that called
    if (progress != nullptr && std::this_thread::get_id() == caller)
      progress->report("scans", finished, options.scans);
  };
  InlineExecutor here;
  (executor != nullptr ? *executor : static_cast<Executor&>(here)).run(options.scans, one);

  std::string scans = "volume,truth,emboli,split\n";
  std::string emboli = "volume,embolus_id,kind,x,y,z,volume_mm3,vessel_radius_mm\n";
  std::string look_alikes = "volume,kind,x,y,z\n";
  CtpaResult result;
  const auto pool = static_cast<std::size_t>(
      std::ceil((1 - options.test_share) * static_cast<double>(options.scans)));
  for (std::size_t n = 0; n < done.size(); ++n) {
    const Done& d = done[n];
    scans += line({d.volume, fmt::format("truth/scan-{:03}.nii.gz", n + 1),
                   fmt::format("{}", d.emboli.size()), n < pool ? "pool" : "test"});
    for (std::size_t e = 0; e < d.emboli.size(); ++e) {
      const Embolus& x = d.emboli[e];
      emboli += line({d.volume, fmt::format("{}", e + 1), x.kind, io::shortest(x.centre[0]),
                      io::shortest(x.centre[1]), io::shortest(x.centre[2]),
                      io::shortest(x.volume_mm3), io::shortest(x.vessel_radius_mm)});
    }
    for (const LookAlike& x : d.look_alikes) {
      look_alikes += line({d.volume, x.kind, io::shortest(x.centre[0]), io::shortest(x.centre[1]),
                           io::shortest(x.centre[2])});
    }
    ++result.scans;
    result.emboli += static_cast<index_t>(d.emboli.size());
  }
  io::write_file_atomically(out / "README.txt", readme(options));
  io::write_file_atomically(out / "SYNTHETIC", std::string(kSentence) + "\n");
  io::write_file_atomically(out / "emboli.csv", emboli);
  io::write_file_atomically(out / "look_alikes.csv", look_alikes);
  io::write_file_atomically(out / "scans.csv", scans);
  return result;
}

}  // namespace aift::ct
