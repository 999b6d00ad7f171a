// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/run_state.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

#include "pick_predictions.hpp"

namespace aift {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 2;

/// JSON has no NaN.
Json number(double value) {
  if (std::isfinite(value)) return value;
  if (std::isnan(value)) return nullptr;
  return value > 0 ? "inf" : "-inf";
}

double number(const Json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (json.is_string()) {
    const double infinity = std::numeric_limits<double>::infinity();
    return json.get_ref<const std::string&>() == "inf" ? infinity : -infinity;
  }
  return json.get<double>();
}

/// 64-bit ids do not survive programs that read JSON numbers as doubles.
std::string hex(std::uint64_t id) { return fmt::format("{:016x}", id); }
std::uint64_t id_from(const Json& json) {
  const auto& text = json.get_ref<const std::string&>();
  std::size_t used = 0;
  const std::uint64_t id = std::stoull(text, &used, 16);
  if (used != text.size()) throw std::invalid_argument("id");
  return id;
}

Json pick_to_json(const Pick& pick) {
  Json probabilities = Json::array();
  for (const float p : pick.probabilities)
    probabilities.push_back(number(static_cast<double>(p)));
  Json top = Json::array();
  for (const auto& [label, mean] : pick.top)
    top.push_back(Json::array({label, number(static_cast<double>(mean))}));
  Json json = {{"candidate", pick.candidate.index},
               {"id", hex(pick.candidate.id)},
               {"path", pick.path},
               {"group", pick.group},
               {"label", pick.label},
               {"score", number(pick.score)},
               {"entropy", number(pick.entropy)},
               {"diversity", number(pick.diversity)},
               {"dominant", pick.dominant},
               {"kept", pick.kept},
               {"patches", pick.patches},
               {"top", std::move(top)},
               {"probabilities", std::move(probabilities)},
               {"reason", pick.reason}};
  if (pick.audit) json["audit"] = true;
  return json;
}

/// Version 1 kept the probabilities of all classes.
void shorten(Pick& pick, index_t classes) {
  if (pick.probabilities.empty()) return;
  if (static_cast<index_t>(pick.probabilities.size()) != pick.patches * classes)
    throw std::invalid_argument("probabilities");
  const std::vector<double> all(pick.probabilities.begin(), pick.probabilities.end());
  keep_predictions(pick, all, classes);
}

Pick pick_from_json(const Json& json, int version, index_t classes) {
  Pick pick;
  pick.candidate.index = json.at("candidate").get<index_t>();
  pick.candidate.id = id_from(json.at("id"));
  pick.path = json.at("path").get<std::string>();
  pick.group = json.at("group").get<std::string>();
  pick.label = json.at("label").get<label_t>();
  pick.score = number(json.at("score"));
  pick.entropy = number(json.at("entropy"));
  pick.diversity = number(json.at("diversity"));
  pick.dominant = json.at("dominant").get<label_t>();
  pick.kept = json.at("kept").get<std::vector<std::int32_t>>();
  pick.patches = json.at("patches").get<index_t>();
  for (const Json& p : json.at("probabilities"))
    pick.probabilities.push_back(static_cast<float>(number(p)));
  if (version == 1) {
    shorten(pick, classes);
  } else {
    for (const Json& one : json.at("top"))
      pick.top.emplace_back(one.at(0).get<label_t>(), static_cast<float>(number(one.at(1))));
  }
  pick.reason = json.at("reason").get<std::string>();
  pick.audit = json.value("audit", false);
  return pick;
}

Json pairs_to_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json out = Json::array();
  for (const auto& [key, value] : pairs)
    out.push_back(Json::array({key, value}));
  return out;
}

std::vector<std::pair<std::string, std::string>> pairs_from_json(const Json& json) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Json& pair : json)
    out.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  return out;
}

Json round_to_json(const RoundRecord& round) {
  Json picks = Json::array();
  for (const Pick& pick : round.picks)
    picks.push_back(pick_to_json(pick));
  Json json = {{"round", round.round},
               {"rule", round.rule},
               {"labels", round.labels},
               {"trained", round.trained},
               {"has_model", round.has_model},
               {"model_file", round.model_file},
               {"metrics",
                {{"auc", number(round.metrics.auc)},
                 {"accuracy", number(round.metrics.accuracy)},
                 {"balanced_accuracy", number(round.metrics.balanced_accuracy)},
                 {"log_loss", number(round.metrics.log_loss)},
                 {"samples", round.metrics.samples}}},
               {"agreement", number(round.agreement)},
               {"fit", pairs_to_json(round.fit.facts)},
               {"seconds",
                {{"score", round.times.score},
                 {"label", round.times.label},
                 {"train", round.times.train},
                 {"test", round.times.test}}},
               {"picks", std::move(picks)}};
  if (round.vetoed.sum() > 0) {
    json["vetoed"] = {{"group", round.vetoed.group},
                      {"gap", round.vetoed.gap},
                      {"similarity", round.vetoed.similarity},
                      {"cost", round.vetoed.cost}};
  }
  if (!round.shortfall.empty()) json["shortfall"] = round.shortfall;
  return json;
}

RoundRecord round_from_json(const Json& json, int version, index_t classes) {
  RoundRecord round;
  round.round = json.at("round").get<index_t>();
  round.rule = json.at("rule").get<std::string>();
  round.labels = json.at("labels").get<index_t>();
  round.trained = json.at("trained").get<bool>();
  round.has_model = json.at("has_model").get<bool>();
  round.model_file = json.at("model_file").get<std::string>();
  const Json& metrics = json.at("metrics");
  round.metrics.auc = number(metrics.at("auc"));
  round.metrics.accuracy = number(metrics.at("accuracy"));
  round.metrics.balanced_accuracy = number(metrics.at("balanced_accuracy"));
  round.metrics.log_loss = number(metrics.at("log_loss"));
  round.metrics.samples = metrics.at("samples").get<index_t>();
  round.agreement = number(json.at("agreement"));
  round.fit.facts = pairs_from_json(json.at("fit"));
  const Json& seconds = json.at("seconds");
  round.times.score = seconds.at("score").get<double>();
  round.times.label = seconds.at("label").get<double>();
  round.times.train = seconds.at("train").get<double>();
  round.times.test = seconds.at("test").get<double>();
  if (const auto vetoed = json.find("vetoed"); vetoed != json.end()) {
    round.vetoed = {vetoed->at("group").get<index_t>(), vetoed->at("gap").get<index_t>(),
                    vetoed->at("similarity").get<index_t>(), vetoed->at("cost").get<index_t>()};
  }
  round.shortfall = json.value("shortfall", std::string());
  for (const Json& pick : json.at("picks"))
    round.picks.push_back(pick_from_json(pick, version, classes));
  return round;
}

/// What the writer promises and the readers rely on.
void check(const RunState& state) {
  const auto classes = static_cast<label_t>(state.class_names.size());
  const auto expect = [](bool holds) {
    if (!holds) throw std::invalid_argument("inconsistent");
  };
  expect(classes >= 2);
  expect(!state.answered || state.pending.has_value());
  expect(state.pool_classes.empty() || state.pool_classes.size() == state.class_names.size());
  const auto check_round = [&](const RoundRecord& round, std::size_t number) {
    expect(round.round == static_cast<index_t>(number));
    for (const Pick& pick : round.picks) {
      expect(pick.label >= kUnlabelled && pick.label < classes);
      expect(pick.patches >= 0);
      expect(pick.probabilities.empty() ||
             (static_cast<index_t>(pick.probabilities.size()) == pick.patches &&
              pick.dominant >= 0 && pick.dominant < classes));
      expect(pick.top.size() <= kTopClasses);
      for (const auto& [label, mean] : pick.top)
        expect(label >= 0 && label < classes);
      for (const std::int32_t kept : pick.kept)
        expect(kept >= 0 && kept < pick.patches);
    }
  };
  for (std::size_t r = 0; r < state.rounds.size(); ++r) {
    check_round(state.rounds[r], r);
    const std::string& file = state.rounds[r].model_file;
    expect(state.rounds[r].trained != file.empty());
    expect(std::filesystem::path(file).filename() == std::filesystem::path(file));
  }
  if (state.pending) check_round(*state.pending, state.rounds.size());
}

index_t labels_in(const RoundRecord& round) {
  return std::count_if(round.picks.begin(), round.picks.end(),
                       [](const Pick& pick) { return pick.label != kUnlabelled; });
}

std::string or_empty(double value) {
  return std::isnan(value) ? std::string() : io::shortest(value);
}

}  // namespace

index_t RunState::labels() const noexcept {
  index_t count = 0;
  for (const RoundRecord& round : rounds)
    count += labels_in(round);
  if (pending && answered) count += labels_in(*pending);
  return count;
}

std::string to_json(const RunState& state) {
  Json rounds = Json::array();
  for (const RoundRecord& round : state.rounds)
    rounds.push_back(round_to_json(round));
  Json excluded = Json::array();
  for (const ExcludedCandidate& one : state.excluded) {
    excluded.push_back(Json{{"candidate", one.candidate.index},
                            {"id", hex(one.candidate.id)},
                            {"path", one.path},
                            {"reason", one.reason}});
  }
  Json json = {
      {"format", "aift run"},
      {"version", kFormat},
      {"seed", std::to_string(state.seed)},
      {"class_names", state.class_names},
      {"fingerprint", pairs_to_json(state.fingerprint.facts)},
      {"pool", state.pool},
      {"test", state.test},
      {"excluded", std::move(excluded)},
      {"stop", state.stop ? Json{{"rule", state.stop->rule}, {"reason", state.stop->reason}}
                          : Json(nullptr)},
      {"notes", state.notes},
      {"pending", state.pending ? round_to_json(*state.pending) : Json(nullptr)},
      {"answered", state.answered},
      {"rounds", std::move(rounds)}};
  if (!state.pool_classes.empty()) json["pool_classes"] = state.pool_classes;
  if (!state.synthetic.empty()) json["synthetic"] = state.synthetic;
  // Paths need not be UTF-8; what is not is written as the replacement character (ids identify).
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

RunState run_state_from_json(const std::string& text, const std::string& name) {
  RunState state;
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != "aift run") throw std::invalid_argument("format");
    AIFT_EXPECT(json.at("version") == 1 || json.at("version") == kFormat, IoError,
                "{} is of version {} of the format; this program reads versions 1 to {}.", name,
                json.at("version").dump(), kFormat);
    const int version = json.at("version").get<int>();
    state.seed = std::stoull(json.at("seed").get<std::string>());
    state.class_names = json.at("class_names").get<std::vector<std::string>>();
    const auto classes = static_cast<index_t>(state.class_names.size());
    state.fingerprint.facts = pairs_from_json(json.at("fingerprint"));
    state.pool = json.at("pool").get<index_t>();
    state.test = json.at("test").get<index_t>();
    for (const Json& one : json.at("excluded")) {
      state.excluded.push_back({{one.at("candidate").get<index_t>(), id_from(one.at("id"))},
                                one.at("path").get<std::string>(),
                                one.at("reason").get<std::string>()});
    }
    if (const Json& stop = json.at("stop"); !stop.is_null())
      state.stop = {stop.at("rule").get<std::string>(), stop.at("reason").get<std::string>()};
    state.notes = json.at("notes").get<std::vector<std::string>>();
    if (const auto counts = json.find("pool_classes"); counts != json.end())
      state.pool_classes = counts->get<std::vector<index_t>>();
    if (const auto sentence = json.find("synthetic"); sentence != json.end())
      state.synthetic = sentence->get<std::string>();
    if (const Json& pending = json.at("pending"); !pending.is_null())
      state.pending = round_from_json(pending, version, classes);
    state.answered = json.at("answered").get<bool>();
    for (const Json& round : json.at("rounds"))
      state.rounds.push_back(round_from_json(round, version, classes));
    check(state);
  } catch (const IoError&) {
    throw;
  } catch (const std::exception&) {
    throw IoError(
        fmt::format("{} is not the state of a run that AIFT wrote, or it was changed; restore it "
                    "or use another "
                    "folder.",
                    name));
  }
  return state;
}

RunState read_run_state(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "state.json";
  std::error_code error;
  AIFT_EXPECT(std::filesystem::is_regular_file(file, error), IoError,
              "{} holds no run (no state.json); give the folder that `aift run --out` wrote.",
              folder.string());
  return run_state_from_json(io::read_text_file(file), file.string());
}

std::string curve_csv(const RunState& state) {
  std::string out = "round,labels,auc,accuracy,balanced_accuracy,log_loss\n";
  for (const RoundRecord& round : state.rounds) {
    const Metrics& m = round.metrics;
    out += io::csv_line(std::array<std::string, 6>{
        std::to_string(round.round), std::to_string(round.labels), io::shortest(m.auc),
        io::shortest(m.accuracy), io::shortest(m.balanced_accuracy), io::shortest(m.log_loss)});
  }
  return out;
}

std::string picks_csv(const RunState& state) {
  std::string out = "round,rank,candidate,path,group,label,score,entropy,diversity\n";
  for (const RoundRecord& round : state.rounds) {
    for (std::size_t rank = 0; rank < round.picks.size(); ++rank) {
      const Pick& pick = round.picks[rank];
      out += io::csv_line(std::array<std::string, 9>{
          std::to_string(round.round), std::to_string(rank), std::to_string(pick.candidate.index),
          pick.path, pick.group,
          pick.label == kUnlabelled ? std::string()
                                    : state.class_names[static_cast<std::size_t>(pick.label)],
          or_empty(pick.score), or_empty(pick.entropy), or_empty(pick.diversity)});
    }
  }
  return out;
}

std::string times_csv(const RunState& state) {
  std::string out = "round,seconds_score,seconds_label,seconds_train,seconds_test\n";
  for (const RoundRecord& round : state.rounds) {
    const RoundTimes& t = round.times;
    out += fmt::format("{},{:.3f},{:.3f},{:.3f},{:.3f}\n", round.round, t.score, t.label, t.train,
                       t.test);
  }
  return out;
}

}  // namespace aift
