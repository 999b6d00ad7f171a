// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/version.hpp>
#include <aift/loop/run_state.hpp>

#include "events.hpp"

namespace aift::store {

/// Versions of the library, the compiler and the machine, for the record.
[[nodiscard]] inline Json software() {
  Json json = Json::object();
  for (const auto& [name, value] : machine_fingerprint(1).facts) {
    if (name != "threads") json[name] = value;
  }
  json["sqlite"] = sqlite3_libversion();
  return json;
}

}  // namespace aift::store
