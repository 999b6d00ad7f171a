// SPDX-License-Identifier: Apache-2.0
#include "src/app/run_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <aift/core/error.hpp>
#include <aift/core/version.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/numbers.hpp>

#include "src/app/suggest.hpp"
#include "src/io/view_fields.hpp"

namespace aift::app {
namespace {

/// Every key once, in the order of the file: reading and writing cannot drift apart.
template <class Config, class Visitor>
void visit(Config& c, Visitor&& v) {
  v.table("run", "");
  v.field("data", c.data, "manifest.csv, or a folder of class folders");
  v.field("classes", c.classes, "in this order; empty: from the labels");
  v.field("synthetic", c.synthetic, "generated images: reports say so");
  v.field("model", c.model, "");
  v.field("weights", c.weights, "imagenet, none or a file");
  v.field("input_size", c.input_size, "pixels; 0: the model's own");
  v.field("selector", c.selector, "");
  v.field("first", c.first, "who is asked about first: random, imagenet");
  v.field("start", c.start, "where training starts each round: scratch, pretrained, current");
  v.field("train_set", c.train_set, "what is trained on: new, all, hard");
  v.field("budget", c.budget, "labels per round");
  v.field("rounds", c.rounds, "0: no limit");
  v.field("max_labels", c.max_labels, "in all; 0: no limit");
  v.field("seed", c.seed, "");
  v.field("test_share", c.test_share, "of the groups, where the manifest has no split");
  v.field("max_bad", c.max_bad, "share of unreadable images that stops the run");
  v.field("batch", c.batch, "patches per forward pass");
  v.field("workers", c.workers, "threads that decode and augment beside the network");
  v.field("threads", c.threads, "part of what must be equal when the run is resumed");
  v.field("device", c.device, "where the network lives: cpu, cuda");
  v.field("forward", c.forward, "numbers of predictions on a GPU: bf16, f32");
  v.field("keep_models", c.keep_models, "false: only the last");
  v.table("stop", "0: no such rule");
  v.field("target_auc", c.target_auc, "AUC on the test images that is enough");
  v.field("patience", c.patience, "rounds without a gain in AUC");
  v.field("already_right", c.already_right, "rounds in which the model had every new image right");
  v.table("video", "frames of videos among the data");
  v.field("every", c.every, "every n-th frame is a candidate");
  v.field("frame_labels", c.frame_labels, "path,first_frame,last_frame,label; empty: labels.csv");
  v.field("deinterlace", c.deinterlace, "");
  v.field("mask_overlay", c.mask_overlay, "what does not change becomes black");
  v.field("crop_field", c.crop_field, "to the bright field of view");
  v.table("batch", "what a batch keeps to; 0: no such rule");
  v.field("max_per_group", c.max_per_group, "of a patient or video");
  v.field("min_gap", c.min_gap,
          "between frames of a video, in the unit of the column frame or time");
  v.field("veto_similarity", c.veto_similarity, "cosine of the features; 1: no such rule");
  v.field("against_labelled", c.against_labelled, "gap and similarity also towards the labelled");
  v.field("max_cost", c.max_cost, "of a batch");
  v.field("cost_column", c.cost_column, "of the manifest");
  v.field("audit_share", c.audit_share, "of a batch, drawn at random");
  v.table("volumes", "vessel-aligned patches of candidates in CT volumes");
  v.field("volumes", c.volumes, "found out from the data");
  v.field("side_small_mm", c.side_small_mm, "");
  v.field("side_mm", c.side_mm, "edge of the first patch");
  v.field("side_large_mm", c.side_large_mm, "");
  v.field("shift_mm", c.shift_mm, "along each of the vessel's axes");
  v.field("rotations", c.rotations, "about the vessel, of a whole turn");
  v.field("window_level", c.window_level, "HU");
  v.field("window_width", c.window_width, "HU");
  v.field("volume_cache_mb", c.volume_cache_mb, "for the surroundings of candidates");
  v.map("selector", c.selector_options, "options of the selector (--set)");
  v.map("train", c.train_options, "options of the recipe (--train)");
  v.table("views", "augmented views of an image");
  v.field("scoring", c.scoring_views, "per candidate when the pool is scored");
  v.field("test", c.test_views, "per test image");
  v.field("border", c.border, "reflect, constant");
  v.field("border_value", c.border_value, "grey value of a constant border");
  v.table("views.scoring_ranges", "");
  for (const auto& [name, member] : io::kViewFields)
    v.field(name, c.scoring_ranges.*member, "");
  v.table("views.training_ranges", "");
  for (const auto& [name, member] : io::kViewFields)
    v.field(name, c.training_ranges.*member, "");
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

class TomlWriter {
 public:
  void table(std::string_view name, std::string_view comment) {
    out_ += fmt::format("\n[{}]{}{}\n", name, comment.empty() ? "" : "  # ", comment);
  }
  template <class T>
  void field(std::string_view key, const T& value, std::string_view comment) {
    out_ += fmt::format("{} = {}{}{}\n", key, text(value), comment.empty() ? "" : "  # ", comment);
  }
  void map(std::string_view name, const OptionMap& options, std::string_view comment) {
    table(name, comment);
    for (const auto& [key, value] : options) {
      const bool bare = value == "true" || value == "false" || io::parse_number(value);
      out_ += fmt::format("{} = {}\n", is_bare_key(key) ? key : toml_text(key),
                          bare ? value : toml_text(value));
    }
  }
  [[nodiscard]] const std::string& result() const noexcept { return out_; }

 private:
  static std::string text(const std::string& value) { return toml_text(value); }
  static std::string text(bool value) { return value ? "true" : "false"; }
  static std::string text(index_t value) { return fmt::format("{}", value); }
  // TOML's integers are signed: a seed above 2^63 is written as text
  static std::string text(std::uint64_t value) {
    return value <= static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())
               ? fmt::format("{}", value)
               : fmt::format("\"{}\"", value);
  }
  static std::string text(double value) { return io::shortest(value); }
  static std::string text(const std::vector<std::string>& values) {
    std::string out;
    for (const std::string& value : values)
      out += (out.empty() ? "" : ", ") + toml_text(value);
    return "[" + out + "]";
  }

  std::string out_ = fmt::format(
      "# Written by aift {}. The same run again, in another folder:\n"
      "#   aift run --config config.toml --out other\n",
      version());
};

class TomlReader {
 public:
  TomlReader(const toml::table& root, std::string file) : root_(root), file_(std::move(file)) {}

  void table(std::string_view name, std::string_view) {
    name_ = name;
    here_ = root_.at_path(name).as_table();
    known_[name_];
  }
  template <class T>
  void field(std::string_view key, T& value, std::string_view) {
    known_[name_].emplace_back(key);
    const toml::node* node = here_ == nullptr ? nullptr : here_->get(key);
    if (node != nullptr) read(*node, key, value);
  }
  void map(std::string_view name, OptionMap& options, std::string_view) {
    table(name, "");
    open_.push_back(name_);
    if (here_ == nullptr) return;
    options.clear();
    for (const auto& [key, node] : *here_)
      options[std::string(key.str())] = option_text(node, key.str());
  }
  void expect_all_known() const { expect_known(root_, ""); }

 private:
  [[noreturn]] void wrong(std::string_view key, std::string_view wanted) const {
    throw ValueError(fmt::format("{}: [{}] {} must be {}.", file_, name_, key, wanted));
  }
  void read(const toml::node& node, std::string_view key, std::string& value) const {
    if (!node.is_string()) wrong(key, "text in quotes");
    value = *node.value<std::string>();
  }
  void read(const toml::node& node, std::string_view key, bool& value) const {
    if (!node.is_boolean()) wrong(key, "true or false");
    value = *node.value<bool>();
  }
  void read(const toml::node& node, std::string_view key, index_t& value) const {
    if (!node.is_integer()) wrong(key, "a whole number");
    value = *node.value<index_t>();
  }
  void read(const toml::node& node, std::string_view key, std::uint64_t& value) const {
    std::string text;
    if (node.is_integer()) text = fmt::format("{}", *node.value<std::int64_t>());
    if (node.is_string()) text = *node.value<std::string>();
    char* end = nullptr;
    errno = 0;
    value = std::strtoull(text.c_str(), &end, 10);
    if (text.empty() || text.front() < '0' || text.front() > '9' || *end != '\0' || errno != 0) {
      wrong(key, "a whole number from 0 to 2^64 - 1");
    }
  }
  void read(const toml::node& node, std::string_view key, double& value) const {
    if (!node.is_number()) wrong(key, "a number");
    value = *node.value<double>();
  }
  void read(const toml::node& node, std::string_view key, std::vector<std::string>& values) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) wrong(key, "a list of names in quotes");
    values.clear();
    for (const toml::node& entry : *array) {
      if (!entry.is_string()) wrong(key, "a list of names in quotes");
      values.push_back(*entry.value<std::string>());
    }
  }
  [[nodiscard]] std::string option_text(const toml::node& node, std::string_view key) const {
    if (node.is_string()) return *node.value<std::string>();
    if (node.is_boolean()) return *node.value<bool>() ? "true" : "false";
    if (node.is_integer()) return fmt::format("{}", *node.value<std::int64_t>());
    if (node.is_floating_point()) return io::shortest(*node.value<double>());
    wrong(key, "text, a number, true or false");
  }

  void expect_known(const toml::table& table, const std::string& path) const {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string full = path.empty() ? name : path + "." + name;
      if (node.is_table() && std::find(open_.begin(), open_.end(), full) != open_.end()) continue;
      if (node.is_table() && (known_.contains(full) || full == "record")) {
        if (full != "record") expect_known(*node.as_table(), full);
        continue;
      }
      const auto here = known_.find(path);
      std::vector<std::string> keys;
      if (here != known_.end()) keys = here->second;
      if (!node.is_table() && std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
      const std::string nearest = closest(name, keys);
      throw ValueError(fmt::format(
          "{}: {} is no key of a run{}.", file_, full,
          nearest.empty() ? "; remove it" : fmt::format("; did you mean {}?", nearest)));
    }
  }

  const toml::table& root_;
  std::string file_;
  std::string name_;
  const toml::table* here_ = nullptr;
  std::map<std::string, std::vector<std::string>> known_;
  std::vector<std::string> open_;
};

void expect_word(const char* key, const std::string& value,
                 std::span<const std::string_view> words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return;
  std::string list;
  for (const auto word : words)
    list += (list.empty() ? "" : ", ") + std::string(word);
  throw ValueError(fmt::format("{} must be one of {}; got '{}'.", key, list, value));
}

void expect_at_least(const char* key, index_t value, index_t least) {
  AIFT_EXPECT(value >= least, ValueError, "{} must be a whole number of at least {}; got {}.", key,
              least, value);
}

/// "key", "value" of "key=value".
std::pair<std::string, std::string> split_assignment(std::string_view assignment) {
  const auto at = assignment.find('=');
  AIFT_EXPECT(at != std::string_view::npos && at > 0, ValueError,
              "An option must be given as key=value; got '{}'.", assignment);
  return {std::string(assignment.substr(0, at)), std::string(assignment.substr(at + 1))};
}

}  // namespace

void RunConfig::validate() const {
  AIFT_EXPECT(
      !data.empty(), ValueError,
      "aift run needs the images: --data with a manifest.csv or a folder of class folders.");
  static constexpr std::array<std::string_view, 2> kFirst = {"random", "imagenet"};
  static constexpr std::array<std::string_view, 3> kStart = {"scratch", "pretrained", "current"};
  static constexpr std::array<std::string_view, 3> kSets = {"new", "all", "hard"};
  static constexpr std::array<std::string_view, 2> kBorders = {"reflect", "constant"};
  expect_word("--first", first, kFirst);
  expect_word("--start", start, kStart);
  expect_word("--train-set", train_set, kSets);
  static constexpr std::array<std::string_view, 2> kDevices = {"cpu", "cuda"};
  static constexpr std::array<std::string_view, 2> kForward = {"bf16", "f32"};
  expect_word("border", border, kBorders);
  expect_word("--device", device, kDevices);
  expect_word("--forward", forward, kForward);
  expect_at_least("--budget", budget, 1);
  expect_at_least("--rounds", rounds, 0);
  expect_at_least("--max-labels", max_labels, 0);
  expect_at_least("--input-size", input_size, 0);
  expect_at_least("--views", scoring_views, 1);
  expect_at_least("--test-views", test_views, 1);
  expect_at_least("--batch", batch, 1);
  expect_at_least("--workers", workers, 1);
  expect_at_least("--threads", threads, 0);
  expect_at_least("--patience", patience, 0);
  expect_at_least("--already-right", already_right, 0);
  AIFT_EXPECT(border_value >= 0 && border_value <= 255, ValueError,
              "border_value must lie in 0 to 255; got {}.", border_value);
  AIFT_EXPECT(test_share >= 0 && test_share < 1, ValueError,
              "--test-share must be a share of at least 0 and below 1; got {}.", test_share);
  AIFT_EXPECT(max_bad >= 0 && max_bad <= 1, ValueError,
              "--max-bad must be a share from 0 to 1; got {}.", max_bad);
  expect_at_least("--every", every, 1);
  expect_at_least("volume_cache_mb", volume_cache_mb, 1);
  expect_at_least("--max-per-group", max_per_group, 0);
  AIFT_EXPECT(min_gap >= 0 && std::isfinite(min_gap), ValueError,
              "--min-gap must be a number of frames of at least 0; got {}.", min_gap);
  AIFT_EXPECT(veto_similarity >= 0 && veto_similarity <= 1, ValueError,
              "--veto-similarity must be a cosine from 0 to 1; got {}.", veto_similarity);
  AIFT_EXPECT(!against_labelled || min_gap > 0 || veto_similarity < 1, ValueError,
              "--against-labelled extends --min-gap and --veto-similarity; give one of the two.");
  AIFT_EXPECT(max_cost >= 0 && std::isfinite(max_cost), ValueError,
              "--max-cost must be a number of at least 0; got {}.", max_cost);
  AIFT_EXPECT(cost_column.empty() || max_cost > 0, ValueError,
              "--cost-column {} is read for --max-cost; give that too.", cost_column);
  AIFT_EXPECT(audit_share >= 0 && audit_share <= 1, ValueError,
              "--audit-share must be a share from 0 to 1; got {}.", audit_share);
  AIFT_EXPECT(target_auc >= 0 && target_auc <= 1, ValueError,
              "--target-auc must lie in 0 to 1; got {}.", target_auc);
}

void RunConfig::set_view_option(std::string_view assignment) {
  const auto [key, value] = split_assignment(assignment);
  if (key == "orientation") {
    AIFT_EXPECT(value == "any" || value == "upright", ValueError,
                "--augment orientation must be any or upright; got '{}'.", value);
    scoring_ranges = training_ranges =
        value == "any" ? ViewRanges::any_orientation() : ViewRanges::upright();
    return;
  }
  const auto dot = key.find('.');
  const std::string family = dot == std::string::npos ? "" : key.substr(0, dot);
  const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
  std::vector<std::string> known = {"orientation"};
  for (const auto& field : io::kViewFields)
    known.emplace_back(field.first);
  const auto at = std::find_if(io::kViewFields.begin(), io::kViewFields.end(),
                               [&](const auto& field) { return field.first == name; });
  if (at == io::kViewFields.end() ||
      (!family.empty() && family != "scoring" && family != "training")) {
    const std::string nearest = closest(name, known);
    std::string list;
    for (const auto& word : known)
      list += (list.empty() ? "" : ", ") + word;
    throw ValueError(
        nearest.empty() || nearest == name
            ? fmt::format("--augment has no option '{}'; there are {}, with scoring. or training. "
                          "before them for one family.",
                          key, list)
            : fmt::format("--augment has no option '{}'; did you mean '{}'?", key, nearest));
  }
  const auto number = io::parse_number(value);
  AIFT_EXPECT(number && std::isfinite(*number), ValueError,
              "--augment {} must be a number; got '{}'.", key, value);
  if (family != "training") scoring_ranges.*(at->second) = *number;
  if (family != "scoring") training_ranges.*(at->second) = *number;
}

io::FramePreparation RunConfig::preparation() const {
  return {.deinterlace = deinterlace, .mask_overlay = mask_overlay, .crop = crop_field};
}

BatchRules RunConfig::batch_rules() const {
  return {.max_per_group = max_per_group,
          .min_gap = min_gap,
          .veto_similarity = veto_similarity,
          .against_labelled = against_labelled,
          .max_cost = max_cost,
          .audit_share = audit_share};
}

ImageAugmentOptions RunConfig::augment_options(const PatchFormat& format) const {
  ImageAugmentOptions options;
  options.format = format;
  options.seed = seed;
  options.scoring_views = scoring_views;
  options.test_views = test_views;
  options.border = border == "constant" ? Border::constant : Border::reflect;
  options.border_value = static_cast<std::uint8_t>(border_value);
  options.scoring = scoring_ranges;
  options.training = training_ranges;
  return options;
}

std::string to_toml(const RunConfig& config) {
  TomlWriter writer;
  visit(config, writer);
  return writer.result();
}

RunConfig read_run_config(const std::filesystem::path& file) {
  return parse_run_config(io::read_text_file(file), file.string());
}

RunConfig parse_run_config(std::string_view text, const std::string& name) {
  toml::table root;
  try {
    root = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw IoError(fmt::format("{} is not TOML: line {}, {}.", name, error.source().begin.line,
                              error.description()));
  }
  RunConfig config;
  TomlReader reader(root, name);
  visit(config, reader);
  reader.expect_all_known();
  return config;
}

void set_option(OptionMap& options, std::string_view assignment) {
  auto [key, value] = split_assignment(assignment);
  if (const auto number = io::parse_number(value); number && !io::parse_integer(value)) {
    value = io::shortest(*number);
  }
  options[std::move(key)] = std::move(value);
}

}  // namespace aift::app
