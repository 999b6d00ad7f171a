// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include <aift/core/types.hpp>

namespace aift {

/// Options of a pluggable part as text, `--set key=value` on the command line or a table of a
/// configuration file. A part reads what it knows with the typed getters and then calls
/// `expect_all_used`, which refuses a misspelt key with the list of the known ones.
class Settings {
 public:
  Settings() = default;
  /// From keys and values.
  explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  /// "key=value" (ValueError without '=' or with an empty key).
  void set(std::string_view assignment);
  /// A value that is there already is replaced.
  void set(std::string key, std::string value) { values_[std::move(key)] = std::move(value); }

  /// The value of `key`, or `fallback` without one. throws ValueError: not a number
  [[nodiscard]] double number(const std::string& key, double fallback) const;
  /// The same. throws ValueError: not a whole number
  [[nodiscard]] index_t integer(const std::string& key, index_t fallback) const;
  /// The same: true, 1, yes, on; false, 0, no, off. throws ValueError: another word
  [[nodiscard]] bool flag(const std::string& key, bool fallback) const;
  /// The same, as it is.
  [[nodiscard]] std::string text(const std::string& key, std::string fallback) const;

  /// ValueError naming the first key that no getter asked for, with those that exist.
  void expect_all_used(std::string_view owner) const;
  /// Keys and values, sorted by key.
  [[nodiscard]] const std::map<std::string, std::string>& values() const noexcept { return values_; }

 private:
  std::map<std::string, std::string> values_;
  mutable std::set<std::string> asked_;
};

}  // namespace aift
