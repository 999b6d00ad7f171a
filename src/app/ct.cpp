// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "src/app/commands.hpp"

#if AIFT_WITH_CT

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/core/settings.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/ctpa_phantom.hpp>
#include <aift/ct/froc.hpp>
#include <aift/ct/generator.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/ct/sheet.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/npy.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/run_state.hpp>

#include "src/app/console.hpp"
#include "src/app/ct_scans.hpp"
#include "src/app/run_config.hpp"

namespace aift::app {
namespace {

namespace fs = std::filesystem;

void add_reading(CLI::App& command, ct::ReadOptions& options) {
  command
      .add_option("--series", options.series,
                  "Series of a DICOM folder, its number or UID; by default the largest")
      ->type_name("N|UID");
  command.add_flag("--allow-resample", options.allow_resample,
                   "Take unevenly spaced slices and interpolate them");
}

// ------------------------------------------------------------------------------------------ info

struct InfoArguments {
  std::string path;
  std::string npy;
  ct::ReadOptions read;
};

void info(const InfoArguments& a) {
  const fs::path path(a.path);
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const auto series = ct::list_series(path);
    for (std::size_t s = 0; s < series.size() && series.size() > 1; ++s) {
      // its UID is an identifier and stays out
      fmt::print("{:<12}{}: {} files, {}, {} x {} pixels\n", "series", s + 1, series[s].slices,
                 series[s].modality.empty() ? "no modality" : series[s].modality, series[s].columns,
                 series[s].rows);
    }
  }
  const ct::Volume volume = ct::read_volume(path, a.read);
  const ct::Geometry& g = volume.geometry;
  const auto print = [](const char* what, const ct::Point& p) {
    fmt::print("{:<12}{} {} {}\n", what, io::shortest(p[0]), io::shortest(p[1]),
               io::shortest(p[2]));
  };
  const auto [low, high] = std::minmax_element(volume.voxels.begin(), volume.voxels.end());
  fmt::print("{:<12}{}\n", "format", volume.record.format);
  fmt::print("{:<12}{} x {} x {} voxels\n", "size", g.size[0], g.size[1], g.size[2]);
  print("spacing mm", g.spacing);
  print("origin LPS", g.origin);
  print("axis x", g.axes[0]);
  print("axis y", g.axes[1]);
  print("axis z", g.axes[2]);
  fmt::print("{:<12}{} to {}\n", "HU", *low, *high);
  if (volume.record.slice_thickness > 0)
    fmt::print("{:<12}{:g} mm\n", "thickness", volume.record.slice_thickness);
  if (volume.record.padded > 0) fmt::print("{:<12}{} voxels\n", "padding", volume.record.padded);
  if (volume.record.clipped > 0) fmt::print("{:<12}{} voxels\n", "clipped", volume.record.clipped);
  for (const std::string& note : volume.record.notes)
    fmt::print("{:<12}{}\n", "note", note);
  if (!a.npy.empty()) {
    const std::vector<std::int32_t> values(volume.voxels.begin(), volume.voxels.end());
    const std::array<index_t, 3> shape = {g.size[2], g.size[1], g.size[0]};
    io::write_npy(a.npy, std::span<const std::int32_t>(values), shape);
  }
}

void add_info(CLI::App& ct_command) {
  auto a = std::make_shared<InfoArguments>();
  auto* command = ct_command.add_subcommand(
      "info", "What a volume is: size, spacing, place, HU; or why it is refused");
  command->add_option("path", a->path, "Folder of a DICOM series, or .nii, .nii.gz, .mha, .nrrd")
      ->required()
      ->type_name("FILE|DIR");
  command->add_option("--npy", a->npy, "Also write the voxels, int32 HU [z, y, x]")
      ->type_name("FILE");
  add_reading(*command, a->read);
  command->footer("Example:\n  aift ct info scans/0001/");
  command->callback([a] { info(*a); });
}

// ------------------------------------------------------------------------------------ candidates

struct CandidatesArguments {
  std::vector<std::string> volumes;
  std::string scans;
  std::string out;
  std::vector<std::string> set;
  ct::ReadOptions read;
  double hit_mm = 2;
  int threads = 0;
};

ct::GeneratorOptions generator_options(const std::vector<std::string>& assignments) {
  Settings settings;
  for (const std::string& assignment : assignments)
    settings.set(assignment);
  ct::GeneratorOptions o;
  o.hu_lung = settings.number("hu_lung", o.hu_lung);
  o.min_lung_ml = settings.number("min_lung_ml", o.min_lung_ml);
  o.close_lung_mm = settings.number("close_lung_mm", o.close_lung_mm);
  o.hu_air = settings.number("hu_air", o.hu_air);
  o.hu_lumen_min = settings.number("hu_lumen_min", o.hu_lumen_min);
  o.hu_clot_low = settings.number("hu_clot_low", o.hu_clot_low);
  o.dark_share = settings.number("dark_share", o.dark_share);
  o.ray_mm = settings.number("ray_mm", o.ray_mm);
  o.min_enclosure = settings.number("min_enclosure", o.min_enclosure);
  o.min_lumen_rays = settings.integer("min_lumen_rays", o.min_lumen_rays);
  o.min_volume_mm3 = settings.number("min_volume_mm3", o.min_volume_mm3);
  o.apart_mm = settings.number("apart_mm", o.apart_mm);
  o.max_candidates = settings.integer("max_candidates", o.max_candidates);
  settings.expect_all_used("the candidate generator");
  return o;
}

void candidates(const CandidatesArguments& a) {
  const ct::GeneratorOptions options = generator_options(a.set);
  AIFT_EXPECT(a.volumes.empty() != a.scans.empty(), ValueError,
              "aift ct candidates needs volumes, or a table of them with --scans; give one of the "
              "two.");
  std::vector<Scan> scans;
  if (a.scans.empty()) {
    for (const std::string& volume : a.volumes)
      scans.push_back({.name = volume, .volume = volume});
  } else {
    scans = read_scans(a.scans);
  }
  const fs::path folder = fs::absolute(a.out).parent_path();
  ThreadExecutor executor(a.threads);
  ConsoleProgress progress;
  std::vector<ct::Candidate> all;
  index_t emboli = 0;
  index_t reached = 0;
  std::vector<std::string> refused;
  for (std::size_t s = 0; s < scans.size(); ++s) {
    throw_if_cancelled(progress);
    progress.report("scans", static_cast<index_t>(s), static_cast<index_t>(scans.size()));
    const Scan& scan = scans[s];
    const auto began = std::chrono::steady_clock::now();
    ct::Volume volume;
    try {
      volume = ct::read_volume(scan.volume, a.read);
    } catch (const IoError& error) {
      if (scans.size() == 1) throw;
      progress.note(fmt::format("left out: {}", error.what()));
      refused.push_back(scan.name);
      emboli += scan.emboli;  // missed, whatever the reason
      continue;
    }
    const auto read = std::chrono::steady_clock::now();
    ct::GeneratorResult result = ct::find_candidates(volume, options, &executor);
    const auto found = std::chrono::steady_clock::now();
    std::string truth_text;
    if (!scan.truth.empty()) {
      const ct::Volume truth = ct::read_volume(scan.truth);
      ct::label_candidates(result.candidates, truth, a.hit_mm);
      const index_t hits = distinct_emboli(result.candidates);
      emboli += scan.emboli;
      reached += hits;
      truth_text = fmt::format(", {} of {} emboli", hits, scan.emboli);
    }
    progress.clear();
    const auto seconds = [](auto from, auto to) {
      return std::chrono::duration<double>(to - from).count();
    };
    fmt::print("{}: {} candidates{}, contrast {:.0f} HU, {:.1f} s reading, {:.1f} s searching\n",
               scan.name, result.candidates.size(), truth_text, result.contrast_hu,
               seconds(began, read), seconds(read, found));
    if (!result.note.empty()) fmt::print("{}: {}\n", scan.name, result.note);
    std::fflush(stdout);
    const std::string name =
        fs::absolute(scan.volume).lexically_normal().lexically_proximate(folder).generic_string();
    for (ct::Candidate& c : result.candidates) {
      c.volume = name;
      c.group = scan.group;
      c.split = scan.split;
      all.push_back(std::move(c));
    }
  }
  AIFT_EXPECT(refused.size() < scans.size(), IoError,
              "None of the {} scans could be read; the reasons are above.", scans.size());
  ct::write_candidates(a.out, all);
  const std::string synthetic = synthetic_sentence(scans);
  if (!synthetic.empty()) io::write_file_atomically(folder / "SYNTHETIC", synthetic + "\n");
  fmt::print("{} candidates of {} scans in {}.\n", all.size(), scans.size() - refused.size(),
             a.out);
  if (emboli > 0) {
    fmt::print("sensitivity {:.3f} ({} of {} emboli within {:g} mm), {:.1f} candidates per scan\n",
               static_cast<double>(reached) / static_cast<double>(emboli), reached, emboli,
               a.hit_mm, static_cast<double>(all.size()) / static_cast<double>(scans.size()));
  }
  AIFT_EXPECT(
      refused.empty(), IoError,
      "{} of {} scans could not be read (the reasons are above) and are not in the list: {}.",
      refused.size(), scans.size(), fmt::join(refused, ", "));
}

void add_candidates(CLI::App& ct_command) {
  auto a = std::make_shared<CandidatesArguments>();
  auto* command = ct_command.add_subcommand(
      "candidates", "Finds places that may be emboli, by tobogganing, and lists them");
  command->add_option("volumes", a->volumes, "Folders of DICOM series, or volume files")
      ->type_name("FILE|DIR");
  command
      ->add_option("--scans", a->scans,
                   "CSV volume[,truth][,emboli][,split][,group] in the place of volumes; with a "
                   "truth (label volume) candidates are labelled embolus or other")
      ->type_name("CSV");
  command->add_option("--out", a->out, "The list, candidates.csv")->required()->type_name("CSV");
  command->add_option("--hit-mm", a->hit_mm, "A candidate this near to an embolus hits it")
      ->type_name("MM")
      ->capture_default_str();
  command->add_option("--set", a->set, "An option of the generator, e.g. max_candidates=30")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->add_option("--threads", a->threads, "Threads; 0: one per processor")
      ->type_name("N")
      ->capture_default_str();
  add_reading(*command, a->read);
  command->footer("Example:\n  aift ct candidates --scans ctpa/scans.csv --out candidates.csv");
  command->callback([a] { candidates(*a); });
}

// --------------------------------------------------------------------------------------- patches

struct PatchesArguments {
  std::string data;
  std::string out;
  std::string npy;
  std::vector<std::string> ids;
  index_t channels = 2;
  index_t patches = 6;
  index_t pixels = 64;
  index_t rows = 24;
  std::uint64_t seed = 0;
};

/// [candidates, patches, channels, size, size] float32 in [0, 255], the ends of the window.
void write_patches(const fs::path& file, const ct::VolumeSource& source,
                   ct::VesselAugmentOptions options, std::span<const CandidateRef> candidates,
                   index_t patches) {
  options.format.mean = {0, 0, 0};
  options.format.std = {1, 1, 1};
  const ct::VesselAugmenter augmenter(options);
  const index_t each = patches * options.format.elements();
  const auto count = static_cast<index_t>(candidates.size());
  std::vector<float> values(static_cast<std::size_t>(count * each));
  std::vector<PatchPlan> plans;
  ConsoleProgress progress;
  for (index_t i = 0; i < count; ++i) {
    throw_if_cancelled(progress);
    progress.report("candidates", i, count);
    plans.clear();
    for (index_t p = 0; p < patches; ++p) {
      plans.push_back(
          augmenter.plan(candidates[static_cast<std::size_t>(i)], Purpose::scoring, 0, p));
    }
    augmenter.render(plans, source, {values.data() + i * each, patches, options.format});
  }
  progress.clear();
  const std::array<index_t, 5> shape = {count, patches, options.format.channels,
                                        options.format.height, options.format.width};
  io::write_npy(file, std::span<const float>(values), shape);
  fmt::print("patches {} x {} x {} x {} x {} in {}\n", shape[0], shape[1], shape[2], shape[3],
             shape[4], file.string());
}

void patches(const PatchesArguments& a) {
  AIFT_EXPECT(!a.out.empty() || !a.npy.empty(), ValueError,
              "aift ct patches needs a file to write: --out for a picture, --npy for the numbers.");
  AIFT_EXPECT(a.patches >= 1 && a.patches <= 1000 && a.pixels <= 1024, ValueError,
              "--patches must lie in [1, 1000] and --size be at most 1024; got {} and {}.",
              a.patches, a.pixels);
  AIFT_EXPECT(a.rows >= 1, ValueError, "--rows must be at least 1; got {}.", a.rows);
  const io::Dataset data = io::read_dataset(a.data, {.require_trainable = false});
  std::vector<CandidateRef> chosen;
  for (index_t i = 0; i < data.size(); ++i) {
    const std::string& path = data.paths[static_cast<std::size_t>(i)];
    const std::string id = path.substr(path.rfind('#') + 1);
    const bool wanted = a.ids.empty() || std::find(a.ids.begin(), a.ids.end(), id) != a.ids.end() ||
                        std::find(a.ids.begin(), a.ids.end(), path) != a.ids.end();
    if (wanted) chosen.push_back(data.ref(i));
  }
  AIFT_EXPECT(!chosen.empty(), ValueError, "None of the candidates that are asked for is in {}.",
              a.data);
  ct::VesselAugmentOptions options;
  options.format.channels = a.channels;
  options.format.height = options.format.width = a.pixels;
  options.seed = a.seed;
  const ct::VesselAugmenter augmenter(options);
  const ct::VolumeSource source(data, {.reach_mm = augmenter.reach_mm()});
  if (!a.npy.empty()) write_patches(a.npy, source, options, chosen, a.patches);
  if (a.out.empty()) return;
  if (static_cast<index_t>(chosen.size()) > a.rows) chosen.resize(static_cast<std::size_t>(a.rows));
  io::write_png(a.out, ct::patch_sheet(source, options, chosen, a.patches, a.pixels).view());
  for (const CandidateRef& c : chosen) {
    const auto view = source.read(c);
    const auto i = static_cast<std::size_t>(c.index);
    const std::string label =
        data.labels[i] >= 0 ? data.class_names[static_cast<std::size_t>(data.labels[i])] : "";
    fmt::print("{} {} axis ({:.3f}, {:.3f}, {:.3f}) anisotropy {:.2f}{}\n", data.paths[i], label,
               view->frame.axis[0], view->frame.axis[1], view->frame.axis[2],
               view->frame.anisotropy, view->frame.fallback ? " (no direction found)" : "");
  }
}

void add_patches(CLI::App& ct_command) {
  auto a = std::make_shared<PatchesArguments>();
  auto* command = ct_command.add_subcommand(
      "patches", "A sheet of vessel-aligned patches: a row per candidate, along and across");
  command->add_option("--data", a->data, "candidates.csv")->required()->type_name("CSV");
  command->add_option("--out", a->out, "The picture, PNG")->type_name("PNG");
  command
      ->add_option("--npy", a->npy,
                   "The patches of all candidates, float32 [candidates, patches, channels, size, "
                   "size] in [0, 255]")
      ->type_name("NPY");
  command->add_option("--channels", a->channels, "Planes of a patch: 2, or 3 for ImageNet networks")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--candidate", a->ids, "Only these, by candidate_id or volume#candidate_id")
      ->type_name("ID");
  command->add_option("--patches", a->patches, "Patches of each")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--size", a->pixels, "Edge of a plane")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--rows", a->rows, "At most so many candidates in the picture")
      ->type_name("N")
      ->capture_default_str();
  add_seed(*command, a->seed, "Of the shifts");
  command->footer("Example:\n  aift ct patches --data candidates.csv --out patches.png");
  command->callback([a] { patches(*a); });
}

// ------------------------------------------------------------------------------------------ froc

struct FrocArguments {
  std::string data;
  std::string run;
  std::string scans;
  std::string predictions;
  std::string class_name = "embolus";
  std::string out;
  std::optional<double> hit_mm;
  index_t replicates = 2000;
  std::uint64_t seed = 0;
};

/// The round of the last model of a run, whose predictions its folder holds.
RoundRecord last_trained(const fs::path& run) {
  const RunState state = read_run_state(run);
  const auto last = std::find_if(state.rounds.rbegin(), state.rounds.rend(),
                                 [](const RoundRecord& round) { return round.trained; });
  AIFT_EXPECT(last != state.rounds.rend(), ValueError, "The run in {} has trained no model yet.",
              run.string());
  return *last;
}

void froc(const FrocArguments& a) {
  AIFT_EXPECT(a.run.empty() != a.data.empty(), ValueError,
              "aift ct froc needs the list of candidates with --data, or a run on one with --run; "
              "give one of the two.");
  AIFT_EXPECT(a.run.empty() || a.predictions.empty(), ValueError,
              "--run brings its predictions; leave --predictions out.");
  fs::path data = a.data;
  fs::path predictions = a.predictions;
  std::optional<RoundRecord> round;
  if (!a.run.empty()) {
    data = read_run_config(fs::path(a.run) / "config.toml").data;
    predictions = fs::path(a.run) / "predictions.csv";
    round = last_trained(a.run);
  }
  std::optional<std::map<std::string, double>> predicted;
  if (!predictions.empty()) {
    predicted = read_predictions(predictions, a.class_name,
                                 round ? std::optional(round->round) : std::nullopt);
  }
  const DetectionTable table = detection_table(ct::read_candidates(data), read_scans(a.scans),
                                               data.parent_path(), predicted, a.hit_mm);
  const ct::Froc result = ct::froc(table.findings, table.emboli, a.replicates, a.seed);
  const ct::Estimate auc =
      ct::candidate_auc(table.scores, table.positive, table.groups, a.replicates, a.seed);
  fmt::print("{} scans, {} emboli, {} of them have a candidate; {} candidates\n", result.scans,
             result.emboli, result.reachable, table.findings.size());
  const auto print = [](const std::string& what, const ct::Estimate& e) {
    fmt::print("{:<34}{:.3f}  [{:.3f}, {:.3f}]\n", what, e.value, e.low, e.high);
  };
  print("candidate AUC", auc);
  for (std::size_t r = 0; r < ct::kFrocRates.size(); ++r) {
    print(fmt::format("sensitivity at {:g} FP per scan", ct::kFrocRates[r]), result.at_rates[r]);
  }
  print("mean of the seven", result.mean);
  if (!a.out.empty()) io::write_file_atomically(a.out, ct::froc_csv(result));
  if (round) {
    const std::string hit =
        a.hit_mm ? fmt::format("in a voxel of the embolus, or within {:g} mm of one", *a.hit_mm)
                 : "as the list of candidates says";
    note_froc(a.run, round->labels, result, auc, hit);
  }
}

void add_froc(CLI::App& ct_command) {
  auto a = std::make_shared<FrocArguments>();
  auto* command = ct_command.add_subcommand(
      "froc", "How many emboli are found at how many false marks per scan, with intervals");
  command->add_option("--data", a->data, "candidates.csv with labels and embolus_id")
      ->type_name("CSV");
  command
      ->add_option("--run", a->run,
                   "A run on such a list, in the place of --data and --predictions; the result is "
                   "noted in its folder (froc.csv) and stands in its report")
      ->type_name("DIR");
  command->add_option("--scans", a->scans, "All scans, CSV volume,truth,emboli[,split]")
      ->required()
      ->type_name("CSV");
  command
      ->add_option("--predictions", a->predictions,
                   "predictions.csv of a run: its test scans count, scored by the last model; "
                   "without it all scans, scored by the generator")
      ->type_name("CSV");
  command
      ->add_option("--hit-mm", a->hit_mm,
                   "Ask the truth volumes of the scans again: a candidate this near to an embolus "
                   "hits it, 0: only within; without it the list's embolus_id counts")
      ->type_name("MM");
  command->add_option("--class", a->class_name, "The class that is looked for")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--out", a->out, "The curve as CSV")->type_name("CSV");
  command->add_option("--replicates", a->replicates, "Draws behind an interval")
      ->type_name("N")
      ->capture_default_str();
  add_seed(*command, a->seed, "Of those draws");
  command->footer(
      "Example:\n"
      "  aift ct froc --run runs/pe --scans ctpa/scans.csv && aift report runs/pe --out pe.html");
  command->callback([a] { froc(*a); });
}

}  // namespace

void add_ct_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "ct", "CT volumes: what they are, candidates for emboli, their patches, FROC");
  command->require_subcommand(1);
  command->footer("Example:\n  aift ct info scans/0001/");
  add_info(*command);
  add_candidates(*command);
  add_patches(*command);
  add_froc(*command);
}

void add_ctpa_phantom(CLI::App& phantom) {
  struct Arguments {
    std::string out;
    std::string format = "both";
    int threads = 0;
    ct::CtpaOptions options;
  };
  auto a = std::make_shared<Arguments>();
  auto* command = phantom.add_subcommand(
      "ctpa", "Synthetic CT pulmonary angiograms with emboli, look-alikes and their truth");
  command->add_option("--out", a->out, "Folder to write; missing or empty")
      ->type_name("DIR")
      ->required();
  command->add_option("--scans", a->options.scans, "Patients, one scan each")
      ->type_name("N")
      ->capture_default_str();
  add_seed(*command, a->options.seed, "The same seed gives the same voxels");
  command->add_option("--size", a->options.size, "Columns and rows of a slice")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--thickness", a->options.thickness_mm, "Distance of the slices")
      ->type_name("MM")
      ->capture_default_str();
  command->add_option("--length", a->options.length_mm, "From the first slice to the last")
      ->type_name("MM")
      ->capture_default_str();
  command->add_option("--with-emboli", a->options.with_emboli, "Share of scans that have any")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--test-share", a->options.test_share, "Share of scans marked as test")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--format", a->format, "dicom, nifti or both")
      ->type_name("WORD")
      ->check(CLI::IsMember({"dicom", "nifti", "both"}))
      ->capture_default_str();
  command->add_option("--threads", a->threads, "Threads, a scan each; 0: one per processor")
      ->type_name("N")
      ->capture_default_str();
  command->footer("Example:\n  aift phantom ctpa --scans 24 --out ctpa/");
  command->callback([a] {
    a->options.dicom = a->format != "nifti";
    a->options.nifti = a->format != "dicom";
    ct::CtpaResult result;
    {
      ThreadExecutor executor(a->threads);
      ConsoleProgress progress;
      result = ct::write_ctpa(a->out, a->options, &executor, &progress);
    }
    fmt::print("{} synthetic scans with {} emboli in {}.\n", result.scans, result.emboli, a->out);
  });
}

}  // namespace aift::app

#else

#include <aift/core/error.hpp>

namespace aift::app {

void add_ct_command(CLI::App& app) {
  auto* command = app.add_subcommand("ct", "CT volumes (this aift was built without them)");
  command->allow_extras();
  command->callback([] {
    throw ValueError(
        "This aift was built without CT; configure with -DAIFT_BUILD_CT=ON where ITK is.");
  });
}

void add_ctpa_phantom(CLI::App&) {}

}  // namespace aift::app

#endif
