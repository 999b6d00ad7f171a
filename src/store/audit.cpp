// SPDX-License-Identifier: Apache-2.0
#include <aift/store/audit.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/store/digest.hpp>

#include "contents.hpp"
#include "impl.hpp"
#include "test_set.hpp"

namespace aift::store {

namespace {

/// Members of payloads that are hashes of contents.
constexpr std::array<const char*, 6> kContents = {"samples", "picks",       "answers",
                                                  "training", "predictions", "scores"};

AuditEvent open_up(const Event& e) { return {e.seq, e.time, e.kind, e.payload, e.previous, e.hash}; }

bool is_binary(const char* member) {
  return std::string_view(member) == "predictions" || std::string_view(member) == "scores";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> contents_of(const Json& payload) {
  std::vector<std::pair<std::string, std::string>> hashes;
  for (const char* member : kContents) {
    const auto found = payload.find(member);
    if (found != payload.end() && found->is_string())
      hashes.emplace_back(member, found->get<std::string>());
  }
  return hashes;
}

std::vector<AuditEvent> audit_events(const Project& project) {
  std::vector<AuditEvent> events;
  Statement row = project.impl().db.prepare(
      fmt::format("SELECT {} FROM events ORDER BY seq", kEventColumns));
  while (row.step())
    events.push_back(open_up(read_event(row)));
  return events;
}

void export_audit(const Project& project, const fs::path& file, bool contents) {
  io::AtomicFile out(file);
  std::set<std::string> written;
  for (const AuditEvent& e : audit_events(project)) {
    out.write(dump({{"seq", e.seq},
                    {"time", e.time},
                    {"kind", e.kind},
                    {"payload", e.payload},
                    {"previous", e.previous},
                    {"hash", e.hash}}) +
              "\n");
    if (!contents) continue;
    for (const auto& [member, hash] : contents_of(parse_json(e.payload, "events"))) {
      if (!written.insert(hash).second) continue;
      const std::string bytes = project.impl().blob(hash);
      const bool binary = is_binary(member.c_str());
      out.write(dump({{"content", hash},
                      {binary ? "base64" : "text",
                       binary ? base64(std::as_bytes(std::span(bytes))) : bytes}}) +
                "\n");
    }
  }
  out.commit();
}

AuditReport verify_export(const fs::path& file, const std::string& head) {
  AuditReport report;
  std::istringstream lines(io::read_text_file(file));
  std::string line;
  std::string previous(64, '0');
  std::set<std::string> wanted;
  std::set<std::string> there;
  index_t number = 0;
  bool head_seen = head.empty();
  const auto problem = [&](const std::string& what) {
    report.problems.push_back(fmt::format("{}, line {}: {}", file.string(), number, what));
  };
  while (std::getline(lines, line)) {
    ++number;
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
      problem("not JSON");
      continue;
    }
    try {
      if (json.contains("content")) {
        const auto hash = json.at("content").get<std::string>();
        ++report.contents;
        there.insert(hash);
        if (json.contains("text")) {
          if (sha256(json.at("text").get<std::string>()) != hash) problem("the content was changed");
        } else {
          const auto text = json.at("base64").get<std::string>();
          const std::string bytes = from_base64(text);
          if (sha256(bytes) != hash || base64(std::as_bytes(std::span(bytes))) != text)
            problem("the content was changed");
        }
        continue;
      }
      const Event e{json.at("seq").get<std::int64_t>(), json.at("time").get<std::string>(),
                    json.at("kind").get<std::string>(), json.at("payload").get<std::string>(),
                    json.at("previous").get<std::string>(), json.at("hash").get<std::string>()};
      ++report.events;
      if (e.seq != report.events || e.previous != previous || event_hash(e) != e.hash)
        problem(fmt::format("event {} ({}) was changed, removed or put in", e.seq, e.kind));
      previous = e.hash;
      head_seen = head_seen || e.hash == head;
      for (const auto& [member, hash] : contents_of(parse_json(e.payload, "events")))
        wanted.insert(hash);
    } catch (const std::exception& error) {
      problem(fmt::format("neither event nor content ({})", error.what()));
    }
  }
  report.head = previous;
  if (report.events == 0) problem("no event at all");
  if (!head_seen) problem(fmt::format("no event has the hash {} that was noted", head));
  if (report.contents > 0) {
    for (const std::string& hash : wanted) {
      if (!there.contains(hash)) problem(fmt::format("the content {} is missing", hash));
    }
  }
  return report;
}

std::vector<SampleUse> samples_of(const Project& project, index_t model) {
  std::vector<SampleUse> uses;
  Statement row = project.impl().db.prepare(
      "SELECT sample, label FROM training WHERE model = ? ORDER BY place");
  std::set<index_t> seen;
  for (index_t at = model; at >= 0 && seen.insert(at).second;) {
    const StoredModel one = project.impl().model(at);
    row.with(at);
    while (row.step()) {
      uses.push_back({project.sample(std::to_string(row.integer(0))),
                      static_cast<label_t>(row.integer(1)), at});
    }
    at = one.parent;
  }
  return uses;
}

std::vector<ModelTouch> models_of(const Project& project, const Sample& sample) {
  std::map<index_t, ModelTouch> touches;
  const auto touch = [&](index_t model) -> ModelTouch& {
    ModelTouch& one = touches[model];
    one.model = model;
    return one;
  };
  Statement row =
      project.impl().db.prepare("SELECT DISTINCT model FROM training WHERE sample = ?");
  row.with(sample.number);
  while (row.step())
    touch(row.integer(0)).trained = true;
  for (const StoredModel& model : project.models()) {  // parents come before their children
    const auto parent = touches.find(model.parent);
    if (parent != touches.end() && (parent->second.trained || parent->second.inherited))
      touch(model.number).inherited = true;
    if (sample.side != Side::test) continue;
    const TestPredictions predictions = read_predictions(project.impl(), model.number);
    if (std::find(predictions.samples.begin(), predictions.samples.end(), sample.number) !=
        predictions.samples.end())
      touch(model.number).tested = true;
  }
  const auto current = project.current_model();
  std::vector<ModelTouch> list;
  for (auto& [number, one] : touches) {
    one.current = current && current->number == number;
    list.push_back(one);
  }
  return list;
}

}  // namespace aift::store
