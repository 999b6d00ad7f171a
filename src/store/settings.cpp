// SPDX-License-Identifier: Apache-2.0
#include <aift/store/settings.hpp>

#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/core/settings.hpp>
#include <aift/select/registry.hpp>

namespace aift::store {

namespace {

using Json = nlohmann::json;

std::string_view word(StartFrom start) {
  return start == StartFrom::scratch      ? "scratch"
         : start == StartFrom::pretrained ? "pretrained"
                                          : "current";
}

std::string_view word(TrainSet set) {
  return set == TrainSet::only_new ? "new" : set == TrainSet::hard ? "hard" : "all";
}

StartFrom start_from(const std::string& text) {
  if (text == "scratch") return StartFrom::scratch;
  if (text == "pretrained") return StartFrom::pretrained;
  AIFT_EXPECT(text == "current", ValueError,
              "start must be scratch, pretrained or current; got \"{}\".", text);
  return StartFrom::current;
}

TrainSet set_from(const std::string& text) {
  if (text == "new") return TrainSet::only_new;
  if (text == "hard") return TrainSet::hard;
  AIFT_EXPECT(text == "all", ValueError, "train_set must be new, all or hard; got \"{}\".", text);
  return TrainSet::all;
}

}  // namespace

AnswerSettings answer_rule_from(std::string_view text) {
  AnswerSettings settings;
  constexpr std::string_view kReader = "reader:";
  if (text == "majority") return settings;
  if (text == "unanimous") {
    settings.rule = AnswerRule::unanimous;
  } else if (text == "first") {
    settings.rule = AnswerRule::first;
  } else if (text == "last") {
    settings.rule = AnswerRule::last;
  } else {
    AIFT_EXPECT(text.starts_with(kReader) && text.size() > kReader.size(), ValueError,
                "The rule for several readers must be majority, unanimous, first, last or "
                "reader:NAME; got \"{}\".",
                text);
    settings.rule = AnswerRule::reader;
    settings.reader = text.substr(kReader.size());
  }
  return settings;
}

std::string to_string(const AnswerSettings& settings) {
  switch (settings.rule) {
    case AnswerRule::majority:
      return "majority";
    case AnswerRule::unanimous:
      return "unanimous";
    case AnswerRule::first:
      return "first";
    case AnswerRule::last:
      return "last";
    case AnswerRule::reader:
      return "reader:" + settings.reader;
  }
  return "";
}

void ProjectSettings::validate() const {
  AIFT_EXPECT(classes.size() >= 2, ValueError,
              "A project needs at least 2 classes; got {}. Name them (--classes a,b).",
              classes.size());
  const std::set<std::string> different(classes.begin(), classes.end());
  AIFT_EXPECT(different.size() == classes.size() && !different.contains(""), ValueError,
              "The classes of a project must have names that differ; there are {} names for {}.",
              different.size(), classes.size());
  AIFT_EXPECT(budget >= 1, ValueError, "budget must be at least 1; got {}.", budget);
  AIFT_EXPECT(test_share >= 0 && test_share < 1, ValueError, "test_share must be in [0, 1); got {}.",
              test_share);
  AIFT_EXPECT(answers.readers >= 1, ValueError,
              "At least 1 reader must have answered before a label counts; got {}.",
              answers.readers);
  AIFT_EXPECT(gate.tolerance >= 0 && std::isfinite(gate.tolerance), ValueError,
              "The gate's tolerance must be finite and at least 0 standard errors; got {}.",
              gate.tolerance);
  rules.validate();
  (void)SelectorRegistry::with_builtin().make(selector, Settings(selector_options));
}

std::string to_json(const ProjectSettings& s) {
  const BatchRules& r = s.rules;
  const Json json = {
      {"classes", s.classes},
      {"selector", s.selector},
      {"selector_options", s.selector_options},
      {"budget", s.budget},
      {"seed", std::to_string(s.seed)},
      {"test_share", s.test_share},
      {"rules",
       {{"max_per_group", r.max_per_group},
        {"min_gap", r.min_gap},
        {"veto_similarity", r.veto_similarity},
        {"against_labelled", r.against_labelled},
        {"max_cost", r.max_cost},
        {"audit_share", r.audit_share}}},
      {"start", word(s.start)},
      {"train_set", word(s.set)},
      {"answers", {{"rule", to_string(s.answers)}, {"readers", s.answers.readers}}},
      {"gate",
       {{"on", s.gate.on},
        {"metric", to_string(s.gate.metric)},
        {"tolerance", s.gate.tolerance}}},
      {"keep_rejected", s.keep_rejected},
      {"synthetic", s.synthetic},
      {"application", s.application}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ProjectSettings project_settings_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    ProjectSettings s;
    s.classes = json.at("classes").get<std::vector<std::string>>();
    s.selector = json.at("selector").get<std::string>();
    s.selector_options = json.at("selector_options").get<std::map<std::string, std::string>>();
    s.budget = json.at("budget").get<index_t>();
    s.seed = std::stoull(json.at("seed").get<std::string>());
    s.test_share = json.at("test_share").get<double>();
    const Json& rules = json.at("rules");
    s.rules.max_per_group = rules.at("max_per_group").get<index_t>();
    s.rules.min_gap = rules.at("min_gap").get<double>();
    s.rules.veto_similarity = rules.at("veto_similarity").get<double>();
    s.rules.against_labelled = rules.at("against_labelled").get<bool>();
    s.rules.max_cost = rules.at("max_cost").get<double>();
    s.rules.audit_share = rules.at("audit_share").get<double>();
    s.start = start_from(json.at("start").get<std::string>());
    s.set = set_from(json.at("train_set").get<std::string>());
    s.answers = answer_rule_from(json.at("answers").at("rule").get<std::string>());
    s.answers.readers = json.at("answers").at("readers").get<index_t>();
    s.gate.on = json.at("gate").at("on").get<bool>();
    s.gate.metric = metric_kind_from(json.at("gate").at("metric").get<std::string>());
    s.gate.tolerance = json.at("gate").at("tolerance").get<double>();
    s.keep_rejected = json.at("keep_rejected").get<bool>();
    s.synthetic = json.at("synthetic").get<std::string>();
    s.application = json.at("application").get<std::string>();
    return s;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {  // of the JSON library and of stoull
    throw IoError(fmt::format("The settings of a project could not be read: {}.", error.what()));
  }
}

}  // namespace aift::store
