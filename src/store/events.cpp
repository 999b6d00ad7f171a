// SPDX-License-Identifier: Apache-2.0
#include "events.hpp"

#include <array>
#include <ctime>
#include <sstream>

#include <aift/core/error.hpp>
#include <aift/store/digest.hpp>

namespace aift::store {

namespace {

void set_fact(const Database& into, std::string_view name, std::string_view value) {
  into.prepare("INSERT INTO facts VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value")
      .with(name, value)
      .run();
}

void begin_project(const Database& into, const Event&, const Json& e, const BlobReader&) {
  set_fact(into, "project", e.at("project").get<std::string>());
  set_fact(into, "salt_check", e.at("salt_check").get<std::string>());
  set_fact(into, "settings", dump(e.at("settings")));
  set_fact(into, "current_model", "-1");
}

void change_settings(const Database& into, const Event&, const Json& e, const BlobReader&) {
  set_fact(into, "settings", dump(e.at("settings")));
}

void join(const Database& into, const Event& event, const Json& e, const BlobReader& blobs) {
  Statement insert = into.prepare("INSERT INTO samples VALUES(?, ?, ?, ?, ?, ?, ?, 0)");
  std::istringstream lines(blobs(e.at("samples").get<std::string>()));
  std::int64_t number = 0;
  std::int64_t split = 0;
  std::int64_t given = 0;
  std::string sid;
  std::string gid;
  std::string seal;
  while (lines >> number >> sid >> gid >> seal >> split >> given)
    insert.with(number, sid, gid, seal, split, given, event.seq).run();
}

void ask(const Database& into, const Event& event, const Json& e, const BlobReader& blobs) {
  const auto round = e.at("round").get<std::int64_t>();
  into.prepare("INSERT INTO rounds VALUES(?, ?, ?, ?, ?, 0)")
      .with(round, event.seq, e.at("rule").get<std::string>(), e.at("model").get<std::int64_t>(),
            e.at("scoring").get<std::int64_t>())
      .run();
  Statement insert = into.prepare("INSERT INTO picks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t rank = 0;
  for (const Json& pick : parse_json(blobs(e.at("picks").get<std::string>()), "picks")) {
    insert
        .with(round, rank++, pick.at("number").get<std::int64_t>(), number(pick.at("score")),
              number(pick.at("entropy")), number(pick.at("diversity")),
              pick.at("prediction").get<std::int64_t>(), number(pick.at("probability")),
              static_cast<std::int64_t>(pick.at("audit").get<bool>()),
              pick.at("reason").get<std::string>())
        .run();
  }
}

void answer(const Database& into, const Event& event, const Json& e, const BlobReader& blobs) {
  Statement correct =
      into.prepare("UPDATE labels SET superseded = ? WHERE sample = ? AND reader = ? AND superseded = 0");
  Statement insert = into.prepare("INSERT INTO labels VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0)");
  for (const Json& one : parse_json(blobs(e.at("answers").get<std::string>()), "answers")) {
    const auto sample = one.at("sample").get<std::int64_t>();
    const auto reader = one.at("reader").get<std::string>();
    correct.with(event.seq, sample, reader).run();
    insert
        .with(one.at("number").get<std::int64_t>(), event.seq, sample, reader,
              one.at("label").get<std::int64_t>(), number(one.at("lead_time")),
              number(one.at("confidence")), one.at("comment").get<std::string>())
        .run();
  }
}

void close_rounds(const Database& into, const Event& event, const Json& e) {
  set_fact(into, "trained_labels", e.at("labels").get<std::string>());
  into.prepare("UPDATE rounds SET closed = ? WHERE closed = 0").with(event.seq).run();
}

void train(const Database& into, const Event& event, const Json& e, const BlobReader& blobs) {
  const auto model = into.integer("SELECT count(*) FROM models");
  const Json& metrics = e.at("metrics");
  const bool accepted = e.at("accepted").get<bool>();
  into.prepare("INSERT INTO models VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(model, event.seq, e.at("model").get<std::string>(), e.at("type").get<std::string>(),
            e.at("parent").get<std::int64_t>(), e.at("round").get<std::int64_t>(),
            static_cast<std::int64_t>(accepted), number(metrics.at("auc")),
            number(metrics.at("accuracy")), number(metrics.at("balanced_accuracy")),
            number(metrics.at("log_loss")), metrics.at("samples").get<std::int64_t>(),
            e.at("predictions").get<std::string>(), number(e.at("seconds")))
      .run();
  Statement insert = into.prepare("INSERT INTO training VALUES(?, ?, ?, ?)");
  std::int64_t place = 0;
  for (const Json& one : parse_json(blobs(e.at("training").get<std::string>()), "training set")) {
    insert.with(model, place++, one.at(0).get<std::int64_t>(), one.at(2).get<std::int64_t>()).run();
  }
  close_rounds(into, event, e);
  if (accepted) set_fact(into, "current_model", std::to_string(model));
}

void close_round(const Database& into, const Event& event, const Json& e, const BlobReader&) {
  close_rounds(into, event, e);
}

void keep_scores(const Database& into, const Event& event, const Json& e, const BlobReader&) {
  const auto scoring = into.integer("SELECT count(*) FROM scorings");
  into.prepare("INSERT INTO scorings VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .with(scoring, event.seq, e.at("model").get<std::int64_t>(), e.at("round").get<std::int64_t>(),
            e.at("count").get<std::int64_t>(), e.at("scores").get<std::string>(),
            e.at("means").get<std::string>(), e.at("features").get<std::string>())
      .run();
}

void roll_back(const Database& into, const Event&, const Json& e, const BlobReader&) {
  set_fact(into, "current_model", std::to_string(e.at("model").get<std::int64_t>()));
}

void withdraw(const Database& into, const Event& event, const Json& e, const BlobReader&) {
  Statement update = into.prepare("UPDATE samples SET withdrawn = ? WHERE sid = ?");
  for (const Json& sid : e.at("samples"))
    update.with(event.seq, sid.get<std::string>()).run();
}

void nothing(const Database&, const Event&, const Json&, const BlobReader&) {}

struct Kind {
  std::string_view name;
  void (*apply)(const Database&, const Event&, const Json&, const BlobReader&);
};
constexpr std::array<Kind, 12> kKinds = {{{"init", begin_project},
                                          {"settings", change_settings},
                                          {"samples", join},
                                          {"query", ask},
                                          {"labels", answer},
                                          {"train", train},
                                          {"closed", close_round},
                                          {"scores", keep_scores},
                                          {"rollback", roll_back},
                                          {"withdraw", withdraw},
                                          {"moved", nothing},
                                          {"migrate", nothing}}};

}  // namespace

Json parse_json(const std::string& text, const std::string& what) {
  Json json = Json::parse(text, nullptr, false);
  AIFT_EXPECT(!json.is_discarded(), IoError, "The {} of this project are damaged: not JSON.", what);
  return json;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string utc(std::int64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(
      milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     milliseconds - static_cast<std::int64_t>(seconds) * 1000);
}

std::string event_hash(const Event& event) {
  return sha256(fmt::format("aift record 1\n{}\n{}\n{}\n{}\n{}", event.seq, event.time, event.kind,
                            event.previous, event.payload));
}

Event read_event(const Statement& row) {
  return {row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5)};
}

void apply_event(const Database& into, const Event& event, const BlobReader& blobs) {
  try {
    for (const Kind& kind : kKinds) {
      if (kind.name != event.kind) continue;
      kind.apply(into, event, parse_json(event.payload, "events"), blobs);
      return;
    }
  } catch (const nlohmann::json::exception& error) {
    throw IoError(fmt::format("Event {} ({}) is damaged: {}.", event.seq, event.kind, error.what()));
  }
  throw IoError(fmt::format("Event {} is of the unknown kind \"{}\".", event.seq, event.kind));
}

}  // namespace aift::store
