// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <aift/aift.h>
#include <aift/core/error.hpp>

namespace aift::capi {

/// Keeps the sentence for aift_last_error() of this thread; cut at the end of a character when it
/// is longer than the library keeps.
void set_last_error(const char* message) noexcept;

/// The status of the exception that is being handled; its message becomes the thread's last error.
aift_status translate_exception() noexcept;

/// Runs the body of a C function: the only place where exceptions become status codes.
template <class Body>
aift_status guarded(Body&& body) noexcept {
  try {
    body();
    return AIFT_OK;
  } catch (...) {
    return translate_exception();
  }
}

/// Refuses a null pointer: expect_given(out, "out").
inline void expect_given(const void* pointer, const char* name) {
  AIFT_EXPECT(pointer != nullptr, ShapeError, "{} must not be NULL.", name);
}

/// The caller's struct over the defaults: members that the caller does not know keep those; members
/// that the library does not know must be 0.
///
/// name      for messages
/// smallest  sizeof in the first version
template <class Struct>
Struct read_struct(const Struct* given, const Struct& defaults, const char* name,
                   std::size_t smallest) {
  expect_given(given, name);
  const std::size_t size = given->struct_size;
  AIFT_EXPECT(size >= smallest, ShapeError,
              "struct_size of {} must be at least {}; got {}. Set it to sizeof, or call the "
              "struct's init function.",
              name, smallest, size);
  Struct result = defaults;
  std::memcpy(&result, given, std::min(size, sizeof(Struct)));
  result.struct_size = sizeof(Struct);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Struct); i < size; ++i) {
    AIFT_EXPECT(bytes[i] == 0, ShapeError,
                "{} was made for a later version of the library and sets something that this one "
                "does not know; use a library of the header's version.",
                name);
  }
  return result;
}

}  // namespace aift::capi
