// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_record.hpp"

#include <algorithm>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>
#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>

#include "src/io/view_fields.hpp"

namespace aift::io::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kStateVersion = 2;

double number(const Json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (json.is_string()) {
    const double infinity = std::numeric_limits<double>::infinity();
    return json.get<std::string>() == "inf" ? infinity : -infinity;
  }
  return json.get<double>();
}

RunRecord::Facts pairs(const Json& json) {
  RunRecord::Facts out;
  for (const Json& pair : json)
    out.emplace_back(pair.at(0), pair.at(1));
  return out;
}

void expect(bool holds) {
  if (!holds) throw std::invalid_argument("inconsistent");
}

/// Version 1 kept the probabilities of all classes: those of the dominant one, view by view.
void keep_dominant(RunRecord::Pick& pick, label_t classes) {
  if (pick.probabilities.empty()) return;
  expect(static_cast<index_t>(pick.probabilities.size()) == pick.views * classes);
  std::vector<double> kept;
  for (index_t view = 0; view < pick.views && pick.dominant >= 0; ++view)
    kept.push_back(pick.probabilities[static_cast<std::size_t>(view * classes + pick.dominant)]);
  pick.probabilities = std::move(kept);
}

RunRecord::Pick read_pick(const Json& json, int version, label_t classes) {
  RunRecord::Pick pick;
  pick.candidate = json.at("candidate").get<index_t>();
  pick.id = std::stoull(json.at("id").get<std::string>(), nullptr, 16);
  pick.path = json.at("path").get<std::string>();
  pick.group = json.at("group").get<std::string>();
  pick.label = json.at("label").get<label_t>();
  pick.score = number(json.at("score"));
  pick.entropy = number(json.at("entropy"));
  pick.diversity = number(json.at("diversity"));
  pick.dominant = json.at("dominant").get<label_t>();
  pick.views = json.at("patches").get<index_t>();
  pick.kept = json.at("kept").get<std::vector<std::int32_t>>();
  for (const Json& p : json.at("probabilities"))
    pick.probabilities.push_back(number(p));
  pick.reason = json.at("reason").get<std::string>();
  expect(pick.label >= kUnlabelled && pick.label < classes);
  expect(pick.views >= 0 && pick.views <= 100000);
  for (const std::int32_t view : pick.kept)
    expect(view >= 0 && view < pick.views);
  expect(pick.dominant >= kUnlabelled && (pick.probabilities.empty() || pick.dominant < classes));
  if (version == 1) keep_dominant(pick, classes);
  expect(pick.probabilities.empty() ||
         static_cast<index_t>(pick.probabilities.size()) == pick.views);
  // a network with a head of its own (the ImageNet classes) picked: its class has no name here
  if (pick.probabilities.empty() || pick.dominant >= classes) pick.dominant = kUnlabelled;
  return pick;
}

RunRecord::Round read_round(const Json& json, int version, label_t classes) {
  RunRecord::Round round;
  round.round = json.at("round").get<index_t>();
  round.rule = json.at("rule").get<std::string>();
  round.labels = json.at("labels").get<index_t>();
  round.trained = json.at("trained").get<bool>();
  round.has_model = json.at("has_model").get<bool>();
  round.agreement = number(json.at("agreement"));
  const Json& metrics = json.at("metrics");
  const auto samples = metrics.at("samples").get<index_t>();
  if (samples > 0) {
    round.metrics = RunRecord::Metrics{number(metrics.at("auc")), number(metrics.at("accuracy")),
                                       number(metrics.at("balanced_accuracy")),
                                       number(metrics.at("log_loss")), samples};
  }
  round.fit = pairs(json.at("fit"));
  for (const auto& [what, seconds] : json.at("seconds").items()) {
    round.seconds.emplace_back(what, number(seconds));
  }
  for (const Json& pick : json.at("picks"))
    round.picks.push_back(read_pick(pick, version, classes));
  return round;
}

void read_state(const std::filesystem::path& file, RunRecord& run) {
  const std::string text = read_text_file(file);
  try {
    const Json json = Json::parse(text);
    expect(json.at("format") == "aift run");
    AIFT_EXPECT(json.at("version") == 1 || json.at("version") == kStateVersion, IoError,
                "{} is of version {} of the format; this program reads versions 1 to {}.",
                file.string(), json.at("version").dump(), kStateVersion);
    const int version = json.at("version").get<int>();
    run.classes = json.at("class_names").get<std::vector<std::string>>();
    const auto classes = static_cast<label_t>(run.classes.size());
    expect(classes >= 2);
    run.environment = pairs(json.at("fingerprint"));
    run.pool = json.at("pool").get<index_t>();
    run.test = json.at("test").get<index_t>();
    for (const Json& one : json.at("excluded")) {
      run.bad_images.emplace_back(one.at("path"), one.at("reason"));
    }
    if (const auto counts = json.find("pool_classes"); counts != json.end())
      run.pool_classes = counts->get<std::vector<index_t>>();
    expect(run.pool_classes.empty() || run.pool_classes.size() == run.classes.size());
    if (const auto sentence = json.find("synthetic"); sentence != json.end())
      run.synthetic_sentence = sentence->get<std::string>();
    if (const auto notes = json.find("notes"); notes != json.end()) {
      run.notes = notes->get<std::vector<std::string>>();
    }
    if (const Json& stop = json.at("stop"); !stop.is_null()) run.stopped = stop.at("reason");
    for (const Json& round : json.at("rounds"))
      run.rounds.push_back(read_round(round, version, classes));
    if (const Json& pending = json.at("pending"); !pending.is_null()) {
      RunRecord::Round round = read_round(pending, version, classes);
      round.labels = (run.rounds.empty() ? 0 : run.rounds.back().labels) +
                     std::count_if(round.picks.begin(), round.picks.end(),
                                   [](const auto& pick) { return pick.label != kUnlabelled; });
      round.metrics.reset();
      run.rounds.push_back(std::move(round));
      run.pending = true;
    }
  } catch (const IoError&) {
    throw;
  } catch (const std::exception&) {
    throw IoError(
        fmt::format("{} is not the state of a run that AIFT wrote, or it was changed; "
                    "restore it or leave this folder out of the report.",
                    file.string()));
  }
}

// ------------------------------------------------------------------ predictions.csv

void read_predictions(const std::filesystem::path& file, RunRecord& run) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return;  // a run of an earlier version
  index_t last = -1;
  for (const RunRecord::Round& round : run.rounds) {
    if (round.trained) last = round.round;
  }
  const CsvTable table = read_csv(file);
  try {
    const auto at = [&](std::string_view name) { return table.column(name).value(); };
    const std::size_t round = at("round"), split = at("split"), candidate = at("candidate"),
                      path = at("path"), group = at("group"), label = at("label");
    std::vector<std::size_t> columns;
    for (const std::string& name : run.classes)
      columns.push_back(at("p:" + name));
    for (const CsvRow& row : table.rows) {
      if (std::stoll(row.fields[round]) != last) continue;  // of a round that did not end
      RunRecord::Prediction one;
      expect(row.fields[split] == "test" || row.fields[split] == "labelled");
      one.test = row.fields[split] == "test";
      one.candidate = std::stoll(row.fields[candidate]);
      one.path = row.fields[path];
      one.group = row.fields[group];
      const auto known = std::find(run.classes.begin(), run.classes.end(), row.fields[label]);
      expect(known != run.classes.end());
      one.label = static_cast<label_t>(known - run.classes.begin());
      for (const std::size_t column : columns)
        one.probabilities.push_back(std::stod(row.fields[column]));
      run.predictions.push_back(std::move(one));
    }
  } catch (const std::exception&) {
    throw IoError(
        fmt::format("{} is not the predictions of a run that AIFT wrote, or it was changed; remove "
                    "it to have the report without them.",
                    file.string()));
  }
}

// ------------------------------------------------------------------ froc.csv

void read_detections(const std::filesystem::path& file, RunRecord& run) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return;  // no candidates in volumes, or not asked for
  const CsvTable table = read_csv(file);
  try {
    const auto at = [&](std::string_view name) { return table.column(name).value(); };
    const std::size_t labels = at("labels"), scans = at("scans"), emboli = at("emboli"),
                      reachable = at("reachable"), hit = at("hit"), measure = at("measure"),
                      value = at("value"), low = at("low"), high = at("high");
    for (const CsvRow& row : table.rows) {
      const auto number = [&row](std::size_t column) {
        const std::string& text = row.fields[column];
        return text.empty() ? std::numeric_limits<double>::quiet_NaN() : std::stod(text);
      };
      const index_t count = std::stoll(row.fields[labels]);
      if (run.detections.empty() || run.detections.back().labels != count) {
        expect(run.detections.empty() || run.detections.back().labels < count);
        RunRecord::Detection& one = run.detections.emplace_back();
        one.labels = count;
        one.scans = std::stoll(row.fields[scans]);
        one.emboli = std::stoll(row.fields[emboli]);
        one.reachable = std::stoll(row.fields[reachable]);
        one.hit = row.fields[hit];
      }
      RunRecord::Detection& one = run.detections.back();
      const RunRecord::Detection::Value found = {number(value), number(low), number(high)};
      if (row.fields[measure] == "auc") {
        one.auc = found;
      } else if (row.fields[measure] == "mean") {
        one.mean = found;
      } else {
        one.at.emplace_back(number(measure), found);
        expect(one.at.back().first > 0);
        expect(one.at.size() < 2 || one.at.back().first > one.at[one.at.size() - 2].first);
      }
    }
  } catch (const std::exception&) {
    throw IoError(
        fmt::format("{} is not what aift ct froc --run wrote, or it was changed; remove it to have "
                    "the report without it.",
                    file.string()));
  }
}

// ------------------------------------------------------------------ config.toml

std::string plain(const toml::node& node) {
  if (node.is_string()) return *node.value<std::string>();
  if (const toml::array* array = node.as_array()) {
    std::string text;
    for (const toml::node& entry : *array)
      text += (text.empty() ? "" : ", ") + plain(entry);
    return text;
  }
  std::ostringstream text;
  if (const auto* value = node.as_integer()) text << *value;
  if (const auto* value = node.as_floating_point()) text << *value;
  if (const auto* value = node.as_boolean()) text << *value;
  return text.str();
}

/// Tables in the order of the file, which toml++ does not keep but whose places it knows.
template <class Items>
void by_place(Items& items) {
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
    const auto &left = a.second->source().begin, &right = b.second->source().begin;
    return left.line != right.line ? left.line < right.line : left.column < right.column;
  });
}

void collect(const toml::table& table, const std::string& path, RunRecord& run) {
  std::vector<std::pair<std::string, const toml::node*>> items;
  for (const auto& [key, node] : table)
    items.emplace_back(std::string(key.str()), &node);
  by_place(items);
  RunRecord::Facts facts;
  for (const auto& [key, node] : items) {
    if (!node->is_table()) facts.emplace_back(key, plain(*node));
  }
  if (!facts.empty()) run.settings.emplace_back(path.empty() ? "run" : path, std::move(facts));
  for (const auto& [key, node] : items) {
    if (node->is_table()) collect(*node->as_table(), path.empty() ? key : path + "." + key, run);
  }
}

ViewRanges read_ranges(const toml::table& root, std::string_view path) {
  ViewRanges ranges;
  for (const auto& [name, member] : kViewFields) {
    const auto value = root.at_path(path)[name].value<double>();
    if (value) ranges.*member = *value;
  }
  return ranges;
}

void read_config(const std::filesystem::path& file, RunRecord& run) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return;  // a run of another application
  toml::table root;
  try {
    root = toml::parse(read_text_file(file), file.string());
  } catch (const toml::parse_error& problem) {
    throw IoError(fmt::format("{} is not TOML: line {}, {}.", file.string(),
                              problem.source().begin.line, problem.description()));
  }
  collect(root, "", run);
  run.synthetic = run.synthetic || root["run"]["synthetic"].value_or(false);

  const std::filesystem::path data = root["run"]["data"].value_or(std::string());
  if (!data.empty()) {
    run.data_root = std::filesystem::is_directory(data, error) ? data : data.parent_path();
    run.data_name = run.data_root.filename().string();
  }
  run.volumes = root["volumes"]["volumes"].value_or(false);
  if (const toml::table* views = root["views"].as_table(); views != nullptr && !run.volumes) {
    ImageAugmentOptions options;
    options.seed = root["run"]["seed"].is_string()
                       ? std::stoull(root["run"]["seed"].value_or(std::string("0")))
                       : static_cast<std::uint64_t>(root["run"]["seed"].value_or(std::int64_t{0}));
    options.scoring_views = (*views)["scoring"].value_or(options.scoring_views);
    options.border = (*views)["border"].value_or(std::string("reflect")) == "constant"
                         ? Border::constant
                         : Border::reflect;
    options.border_value =
        static_cast<std::uint8_t>((*views)["border_value"].value_or(std::int64_t{0}));
    options.scoring = read_ranges(root, "views.scoring_ranges");
    options.training = read_ranges(root, "views.training_ranges");
    run.views = options;
  }
}

}  // namespace

std::string RunRecord::setting(const std::string& table, const std::string& key) const {
  for (const auto& [name, facts] : settings) {
    if (name != table) continue;
    for (const auto& [fact, value] : facts) {
      if (fact == key) return value;
    }
  }
  return {};
}

RunRecord read_run(const std::filesystem::path& folder) {
  const std::filesystem::path state = folder / "state.json";
  std::error_code error;
  AIFT_EXPECT(std::filesystem::is_regular_file(state, error), IoError,
              "{} holds no run (no state.json); give the folder that `aift run --out` wrote.",
              folder.string());
  RunRecord run;
  run.folder = folder;
  const auto whole = std::filesystem::absolute(folder).lexically_normal();
  run.name = (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  read_state(state, run);
  run.synthetic = !run.synthetic_sentence.empty();
  read_config(folder / "config.toml", run);
  read_predictions(folder / "predictions.csv", run);
  read_detections(folder / "froc.csv", run);
  return run;
}

}  // namespace aift::io::report
