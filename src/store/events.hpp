// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "database.hpp"

namespace aift::store {

using Json = nlohmann::json;

/// One entry of the record.
struct Event {
  std::int64_t seq = 0;  ///< from 1 on
  std::string time;      ///< UTC, for people; order is that of seq
  std::string kind;
  std::string payload;   ///< JSON, kept byte for byte
  std::string previous;  ///< hash of the event before; 64 zeros for the first
  std::string hash;
};

/// Over all other members.
[[nodiscard]] std::string event_hash(const Event& event);
[[nodiscard]] Event read_event(const Statement& row);  ///< of SELECT kEventColumns
inline constexpr const char* kEventColumns = "seq, time, kind, payload, previous, hash";

/// Gives the content that the record names by its hash.
using BlobReader = std::function<std::string(const std::string& hash)>;
/// Makes what follows from an event. The same for a project and for checking one.
/// throws IoError for an event that is none
void apply_event(const Database& into, const Event& event, const BlobReader& blobs);

[[nodiscard]] Json parse_json(const std::string& text, const std::string& what);
[[nodiscard]] std::string dump(const Json& json);
/// null is NaN.
[[nodiscard]] inline double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}
/// "2026-01-31T12:00:00.000Z" of milliseconds since 1970.
[[nodiscard]] std::string utc(std::int64_t milliseconds);

}  // namespace aift::store
