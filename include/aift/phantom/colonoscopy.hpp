// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include <aift/core/executor.hpp>
#include <aift/core/progress.hpp>
#include <aift/core/types.hpp>

namespace aift::phantom {

/// What `write_colonoscopy` makes.
struct ColonoscopyOptions {
  index_t videos = 60;     ///< patients, one video each, in [1, 10000]
  index_t frames = 20;     ///< per video, in [1, 10000]
  index_t sequence = 5;    ///< frames that belong together, at least 1
  index_t size = 192;      ///< height and width of a frame, in [32, 1024]
  double positives = 0.1;  ///< share of the sequences that pass a polyp, in [0, 1]
  double uninformative =
      0.3;                 ///< share of the sequences with a stretch in which nothing can be seen
  std::uint64_t seed = 0;  ///< fixes every picture
};

/// What came out.
struct ColonoscopyResult {
  index_t frames = 0;         ///< pictures written
  index_t positives = 0;      ///< labelled "polyp"
  index_t uninformative = 0;  ///< quality other than "clear"
};

/// Synthetic colonoscopy videos: a bent tube with haustral folds is ray-marched from a camera that
/// carries its own light. Nothing in it was recorded from a patient, and a network trained on it
/// says nothing about patients.
///
/// scene     the wall's distance from the centre line is 1, slightly three-cornered; half-moon folds
///           at irregular distances; blood vessels and mottling from gradient noise; polyps: sessile
///           (a dome), flat (a low plate), pedunculated (a head on a stalk), of 0.22 to 0.5 in
///           half-width, whose colour is drawn around that of the wall, to either side. Per patient:
///           colour, folds, vessels, light, noise of the sensor, dark corners; colour and light are
///           spread evenly over their ranges among the patients with a polyp and among those
///           without, so that they do not tell one from the other. Per sequence: what the automatic
///           exposure is off by
/// video     sequences of `sequence` frames, in which the camera glides and turns by little from
///           frame to frame and looks half towards a place on the wall; between sequences it is
///           somewhere else. In a share `positives` of them a polyp is at that place
/// quality   clear; in stretches of two to five frames: `blurred` (motion), `wall` (too near to see
///           anything), `residue` (turbid fluid and bubbles over most of the field)
/// label     `polyp` where at least 1 % of the field shows one, hidden by residue or not, else
///           `mucosa`
/// out       folder that is missing or empty: videos/<video>/<frame>.jpg, manifest.csv
///           (path,label,group,quality,video,frame; the group is the patient), README.txt, SYNTHETIC
/// random    Philox, keyed by (seed, video, number): the same frames for any executor. Sines and
///           roots are the C library's, so that pixels may differ in the last digit elsewhere
/// cost      about 0.2 s of one core per frame of 192 pixels
/// throws    ValueError (options), IoError (output folder), CancelledError. The manifest is written
///           last: a folder without it is incomplete
ColonoscopyResult write_colonoscopy(const std::filesystem::path& out,
                                    const ColonoscopyOptions& options, Executor* executor = nullptr,
                                    Progress* progress = nullptr);

}  // namespace aift::phantom
