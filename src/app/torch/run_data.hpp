// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/oracle.hpp>

#include "src/app/run_config.hpp"

namespace aift::app {

/// What a run learns from, images and frames of videos, or places in volumes: the loop does not know
/// which. Refers to the data set and the configuration.
class RunData {
 public:
  virtual ~RunData() = default;
  /// Patches of this format.
  [[nodiscard]] virtual std::unique_ptr<Augmenter> augmenter(const PatchFormat& format) const = 0;
  [[nodiscard]] virtual const Source& source() const = 0;
  /// Answers from the labels, and keeps in the run's folder `frames` what people will want to see.
  [[nodiscard]] virtual Oracle& oracle() = 0;
  /// Candidates that cannot be read.
  [[nodiscard]] virtual std::vector<io::BadImage> check(
      index_t threads, const std::function<void(index_t, index_t)>& progress) const = 0;
  /// Further facts for the record: name and value.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> facts() const {
    return {};
  }
  /// Writes what was found out, once, at the start of a run.
  virtual void write_tables(const std::filesystem::path& out,
                            std::span<const io::BadImage> bad) const {
    (void)out, (void)bad;
  }
};

/// For the data set's kind. throws ValueError: volumes, and this program was built without CT
[[nodiscard]] std::unique_ptr<RunData> make_run_data(const io::Dataset& data,
                                                     const RunConfig& config,
                                                     const std::filesystem::path& out);

}  // namespace aift::app
