// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "database.hpp"

namespace aift::store {

/// "AIFT" in the header of the database.
inline constexpr int kApplicationId = 0x41494654;
/// What this library writes; PRAGMA user_version of a project.
[[nodiscard]] int newest_schema();
/// Brings a database to `version` step by step, in the caller's transaction.
void migrate(const Database& database, int version);
/// The tables that follow from the events and from nothing else.
[[nodiscard]] const std::vector<std::string_view>& derived_tables();

}  // namespace aift::store
