// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace aift {

/// Root of everything the library throws on purpose. The message is one sentence: what was
/// expected, what came, what to do. It carries shapes and indices, never pixels or identifiers.
class Error : public std::runtime_error {
 public:
  /// The message is what what() gives back.
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

/// Rank, extent, stride or layout is not what the operation needs.
class ShapeError : public Error {
 public:
  using Error::Error;  ///< from the message
};

/// A value is outside its documented range (NaN, negative probability, alpha of 0, unknown name).
class ValueError : public Error {
 public:
  using Error::Error;  ///< from the message
};

/// An accelerator is absent or reported a failure.
class DeviceError : public Error {
 public:
  using Error::Error;  ///< from the message
};

/// A file or folder could not be read, written or understood.
class IoError : public Error {
 public:
  using Error::Error;  ///< from the message
};

/// The caller asked to stop; the last good state is untouched.
class CancelledError : public Error {
 public:
  using Error::Error;  ///< from the message
};

}  // namespace aift

/// The only throw macro: `AIFT_EXPECT(q > 0, ShapeError, "q must be positive; got {}.", q);`
#define AIFT_EXPECT(condition, ErrorType, ...)     \
  do {                                             \
    if (!(condition)) [[unlikely]] {               \
      throw ::aift::ErrorType(fmt::format(__VA_ARGS__)); \
    }                                              \
  } while (false)
