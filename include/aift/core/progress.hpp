// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <aift/core/error.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// Told how work goes on, and asked whether it shall. Called from the thread that runs the loop.
class Progress {
 public:
  virtual ~Progress() = default;
  /// `done` of `total` steps of `stage` ("score", "train", "test"); total 0 = not known.
  virtual void report(std::string_view stage, index_t done, index_t total) {
    (void)stage, (void)done, (void)total;
  }
  /// One line for the log ("3 images could not be read").
  virtual void note(std::string_view line) { (void)line; }
  /// True: stop at the next safe point with CancelledError; the last good state stays.
  [[nodiscard]] virtual bool cancelled() const { return false; }
};

/// Throws CancelledError when asked to stop.
inline void throw_if_cancelled(const Progress& progress) {
  AIFT_EXPECT(!progress.cancelled(), CancelledError,
              "Cancelled on request; the last state is kept.");
}

}  // namespace aift
