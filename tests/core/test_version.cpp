// SPDX-License-Identifier: Apache-2.0
#include <aift/core/version.hpp>
#include <string>

#include "tests/support/catch.hpp"

TEST_CASE("the linked library and the headers carry the same version") {
  const std::string headers = std::to_string(aift::kVersionMajor) + "." +
                              std::to_string(aift::kVersionMinor) + "." +
                              std::to_string(aift::kVersionPatch);
  CHECK(aift::version() == headers);
}
