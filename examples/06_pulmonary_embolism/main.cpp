// SPDX-License-Identifier: Apache-2.0
// From CT volumes to ranked candidates for emboli and their patches, from the public headers:
//
//   example_pulmonary_embolism out=build/pe scans=4
//
// The scans are generated (synthetic). docs/ct.md explains it; the regions between the markers are what
// docs/ shows. For research, not for clinical use.
#include <cstdio>
#include <filesystem>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <aift/core/settings.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/ctpa_phantom.hpp>
#include <aift/ct/froc.hpp>
#include <aift/ct/generator.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/ct/sheet.hpp>
#include <aift/ct/vessel_augmenter.hpp>
#include <aift/ct/volume_source.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>

namespace {

void run(const aift::Settings& settings) {
  const std::filesystem::path out = settings.text("out", "build/pe");
  aift::ct::CtpaOptions phantom;
  phantom.scans = settings.integer("scans", 4);
  phantom.size = settings.integer("size", 320);
  phantom.thickness_mm = settings.number("thickness", 1.5);
  phantom.seed = static_cast<std::uint64_t>(settings.integer("seed", 1));
  settings.expect_all_used("example_pulmonary_embolism");
  phantom.nifti = false;
  aift::ThreadExecutor executor;
  aift::ct::write_ctpa(out / "scans", phantom, &executor);

  std::vector<aift::ct::Candidate> all;
  std::vector<aift::ct::Finding> findings;
  std::vector<aift::index_t> emboli;
  for (aift::index_t scan = 0; scan < phantom.scans; ++scan) {
    const std::string name = fmt::format("scan-{:03}", scan + 1);
    // [begin candidates]
    const aift::ct::Volume volume = aift::ct::read_volume(out / "scans/dicom" / name);
    aift::ct::GeneratorResult found = aift::ct::find_candidates(volume, {}, &executor);
    if (!found.note.empty()) fmt::print("{}: {}\n", name, found.note);
    // [end candidates]

    // [begin truth]
    const aift::ct::Volume truth = aift::ct::read_volume(out / "scans/truth" / (name + ".nii.gz"));
    for (aift::ct::Candidate& c : found.candidates) {
      const aift::index_t embolus = aift::ct::embolus_at(truth, c.position, 2);  // within 2 mm
      c.label = embolus >= 0 ? "embolus" : "other";
      c.volume = "scans/dicom/" + name;
      findings.push_back({scan, c.score, embolus});
    }
    // [end truth]
    std::set<std::int16_t> numbers(truth.voxels.begin(), truth.voxels.end());
    emboli.push_back(static_cast<aift::index_t>(numbers.size()) - 1);
    all.insert(all.end(), found.candidates.begin(), found.candidates.end());
  }
  aift::ct::write_candidates(out / "candidates.csv", all);

  // [begin froc]
  const aift::ct::Froc froc = aift::ct::froc(findings, emboli);
  fmt::print("{} of {} emboli have a candidate\n", froc.reachable, froc.emboli);
  fmt::print("at 4 false positives per scan {:.2f} are found, [{:.2f}, {:.2f}]\n",
             froc.at_rates[5].value, froc.at_rates[5].low, froc.at_rates[5].high);
  // [end froc]

  // [begin patches]
  const aift::io::Dataset data =
      aift::io::read_dataset(out / "candidates.csv", {.require_trainable = false});
  aift::ct::VesselAugmentOptions options;
  options.format = {.channels = 3, .height = 64, .width = 64};
  const aift::ct::VesselAugmenter augmenter(options);  // an Augmenter like any other for the loop
  const aift::ct::VolumeSource source(data, {.reach_mm = augmenter.reach_mm()});
  // [end patches]
  std::vector<aift::CandidateRef> shown;
  for (aift::index_t i = 0; i < std::min<aift::index_t>(data.size(), 8); ++i)
    shown.push_back(data.ref(i));
  aift::io::write_png(out / "patches.png",
                      aift::ct::patch_sheet(source, options, shown, 4, 64).view());
  fmt::print("{}\n{}\n", (out / "candidates.csv").string(), (out / "patches.png").string());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    aift::Settings settings;
    for (int i = 1; i < argc; ++i)
      settings.set(argv[i]);
    run(settings);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
