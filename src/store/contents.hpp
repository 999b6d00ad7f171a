// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "events.hpp"

namespace aift::store {

/// Contents that an event refers to: member of the payload, and hash.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> contents_of(const Json& payload);

}  // namespace aift::store
