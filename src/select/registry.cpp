// SPDX-License-Identifier: Apache-2.0
#include <aift/select/registry.hpp>

#include <algorithm>

#include <aift/core/error.hpp>

#include <aift/select/builtin_selectors_includes.inc>

namespace aift {

namespace {

/// The entry of a class that follows the convention of SelectorRegistry.
template <class T>
SelectorRegistry::Entry entry_of() {
  return {std::string(T::kName), std::string(T::kSummary), std::string(T::kOptions), &T::make};
}

}  // namespace

SelectorRegistry SelectorRegistry::with_builtin() {
  SelectorRegistry registry;
#define AIFT_BUILTIN_SELECTOR(Class) registry.add(entry_of<Class>());
#include <aift/select/builtin_selectors_list.inc>
#undef AIFT_BUILTIN_SELECTOR
  return registry;
}

void SelectorRegistry::add(Entry entry) {
  AIFT_EXPECT(!entry.name.empty() && entry.make != nullptr, ValueError,
              "A selector needs a name and a function that makes it.");
  const auto place =
      std::lower_bound(entries_.begin(), entries_.end(), entry.name,
                       [](const Entry& held, const std::string& name) { return held.name < name; });
  AIFT_EXPECT(place == entries_.end() || place->name != entry.name, ValueError,
              "There is a selector \"{}\" already; choose another name.", entry.name);
  entries_.insert(place, std::move(entry));
}

std::unique_ptr<Selector> SelectorRegistry::make(const std::string& name,
                                                 const Settings& settings) const {
  for (const Entry& entry : entries_) {
    if (entry.name != name) continue;
    const Settings own(settings.values());  // which options were asked for counts from here
    std::unique_ptr<Selector> selector = entry.make(own);
    own.expect_all_used("The selector " + name);
    return selector;
  }
  std::vector<std::string> known;
  for (const Entry& entry : entries_)
    known.push_back(entry.name);
  throw ValueError(fmt::format("There is no selector \"{}\"; the selectors are {}.", name,
                               fmt::join(known, ", ")));
}

}  // namespace aift
