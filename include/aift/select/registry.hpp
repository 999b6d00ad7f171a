// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Selectors by name. An object the application owns: no static registration, no global state.
///
/// A built-in selector's header `select/foo_bar_selector.hpp` defines `class FooBarSelector` with
///   static constexpr std::string_view kName, kSummary (one line), kOptions ("alpha, eps, ...");
///   static std::unique_ptr<Selector> make(const Settings&);
/// and is found by the build; nothing else has to be edited.
class SelectorRegistry {
 public:
  /// Makes a selector from its options. throws ValueError: unknown key, value out of range
  using Factory = std::function<std::unique_ptr<Selector>(const Settings&)>;
  /// A selector that can be made.
  struct Entry {
    std::string name;     ///< snake_case, not taken
    std::string summary;  ///< one line for people
    std::string options;  ///< keys of its settings, "alpha, eps"; for people
    Factory make;         ///< called by SelectorRegistry::make
  };

  /// With every selector of the library.
  [[nodiscard]] static SelectorRegistry with_builtin();

  /// ValueError when the name is taken.
  void add(Entry entry);
  /// ValueError for an unknown name (lists the known ones) or an unknown option.
  [[nodiscard]] std::unique_ptr<Selector> make(const std::string& name,
                                               const Settings& settings = {}) const;
  /// Sorted by name.
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace aift
