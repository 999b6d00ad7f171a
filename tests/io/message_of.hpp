// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "tests/support/catch.hpp"

namespace aift::test {

/// What the call says when it throws E (or a child); the test fails when it throws nothing or
/// something else. Every message must be one sentence, which is checked as far as a program can.
template <class E, class F>
std::string message_of(F&& call) {
  try {
    std::forward<F>(call)();
  } catch (const E& error) {
    const std::string message = error.what();
    CHECK(message.ends_with('.'));
    CHECK(message.find('\n') == std::string::npos);
    return message;
  } catch (const std::exception& error) {
    FAIL("another exception came: " << error.what());
  }
  FAIL("no exception came");
  return {};
}

}  // namespace aift::test
