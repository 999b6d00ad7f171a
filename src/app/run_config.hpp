// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/settings.hpp>
#include <aift/core/types.hpp>
#include <aift/io/video.hpp>
#include <aift/select/batch_rules.hpp>

namespace aift::app {

/// Options of a pluggable part by key; numbers in the form of io::shortest, so that 0.50 and 0.5
/// are the same settings.
using OptionMap = std::map<std::string, std::string>;

/// All that decides what `aift run` does: config.toml of a run folder, and what the command line
/// changes. The defaults are those of the program.
struct RunConfig {
  // [run]
  std::string data;                  ///< manifest or folder, absolute once resolved
  std::vector<std::string> classes;  ///< empty: from the labels
  bool synthetic = false;            ///< the images are generated; reports say so
  std::string model = "efficientnet_lite0";
  std::string weights;     ///< "imagenet", "none" or a file; empty: imagenet where it exists
  index_t input_size = 0;  ///< pixels; 0: the model's own
  std::string selector = "aift";
  std::string first = "random";
  std::string start = "current";
  std::string train_set = "all";
  index_t budget = 20;
  index_t rounds = 6;
  index_t max_labels = 0;
  std::uint64_t seed = 0;
  double test_share = 0.3;
  double max_bad = 0.01;
  index_t batch = 32;
  index_t workers = 1;           ///< threads that decode and render beside the network
  index_t threads = 0;           ///< 0: all; resolved before it is written
  std::string device = "cpu";    ///< "cpu" or "cuda": where the network lives
  std::string forward = "bf16";  ///< on a GPU, the numbers of its predictions: "bf16" or "f32"
  bool keep_models = true;

  // [stop]
  double target_auc = 0;      ///< 0: no such rule
  index_t patience = 0;       ///< rounds without gain; 0: no such rule
  index_t already_right = 0;  ///< rounds; 0: no such rule

  // [video]
  index_t every = 1;         ///< every n-th frame is a candidate
  std::string frame_labels;  ///< CSV file, absolute once resolved; empty: labels.csv with the data
  bool deinterlace = false;
  bool mask_overlay = false;
  bool crop_field = false;

  // [batch]: what a batch keeps to
  index_t max_per_group = 0;   ///< 0: no such rule
  double min_gap = 0;          ///< 0: no such rule
  double veto_similarity = 1;  ///< 1: no such rule
  bool against_labelled = false;
  double max_cost = 0;      ///< 0: no such rule
  std::string cost_column;  ///< empty: "cost"
  double audit_share = 0;

  // [volumes]: patches of candidates in CT volumes, aift::ct
  bool volumes = false;  ///< the data lists candidates in volumes; found out, not asked for
  double side_small_mm = 10;
  double side_mm = 15;  ///< of patch 0
  double side_large_mm = 20;
  double shift_mm = 1.5;
  index_t rotations = 6;
  double window_level = 100;
  double window_width = 700;
  index_t volume_cache_mb = 1024;  ///< memory for the surroundings of candidates

  // [selector], [train]
  OptionMap selector_options;
  OptionMap train_options;

  // [views], [views.scoring], [views.training]
  index_t scoring_views = 8;  ///< alpha 0.25 of them are 2, the fewest that have a diversity
  index_t test_views = 1;
  std::string border = "reflect";
  index_t border_value = 0;
  ViewRanges scoring_ranges;
  ViewRanges training_ranges;

  /// ValueError naming the key that is out of range or unknown as a word.
  void validate() const;
  /// Applies `key=value` of --augment: orientation=any|upright, a range by its name (both
  /// families), or scoring.NAME and training.NAME. throws ValueError
  void set_view_option(std::string_view assignment);
  /// The switches of [video].
  [[nodiscard]] io::FramePreparation preparation() const;
  /// The rules of [batch].
  [[nodiscard]] BatchRules batch_rules() const;
  /// What an ImageAugmenter is made from; the format is the model's.
  [[nodiscard]] ImageAugmentOptions augment_options(const PatchFormat& format) const;
};

/// Text of config.toml, with a comment for what is not plain.
[[nodiscard]] std::string to_toml(const RunConfig& config);

/// Reads what to_toml wrote, or a file by hand: missing keys keep their defaults.
/// throws IoError (cannot be read, not TOML with line), ValueError (unknown key, wrong type)
[[nodiscard]] RunConfig read_run_config(const std::filesystem::path& file);
/// The same of text; `name` is what messages call it.
[[nodiscard]] RunConfig parse_run_config(std::string_view text, const std::string& name);

/// `key=value` of --set and --train into a map. throws ValueError without '=' or key
void set_option(OptionMap& options, std::string_view assignment);

[[nodiscard]] inline Settings to_settings(const OptionMap& options) { return Settings(options); }

}  // namespace aift::app
