// SPDX-License-Identifier: Apache-2.0
#include <aift/core/settings.hpp>

#include <charconv>
#include <cmath>

#include <aift/core/error.hpp>

namespace aift {

namespace {

/// The whole text as a number, or false.
template <class T>
bool parse(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

}  // namespace

void Settings::set(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  AIFT_EXPECT(equals != std::string_view::npos && equals > 0, ValueError,
              "A setting must be written key=value; got \"{}\".", assignment);
  set(std::string(assignment.substr(0, equals)), std::string(assignment.substr(equals + 1)));
}

double Settings::number(const std::string& key, double fallback) const {
  asked_.insert(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return fallback;
  double value = 0;
  AIFT_EXPECT(parse(found->second, value), ValueError,
              "{} must be a number such as 0.25; got \"{}\".", key, found->second);
  return value;
}

index_t Settings::integer(const std::string& key, index_t fallback) const {
  asked_.insert(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return fallback;
  index_t value = 0;
  AIFT_EXPECT(parse(found->second, value), ValueError,
              "{} must be a whole number such as 20; got \"{}\".", key, found->second);
  return value;
}

bool Settings::flag(const std::string& key, bool fallback) const {
  asked_.insert(key);
  const auto found = values_.find(key);
  if (found == values_.end()) return fallback;
  const std::string& value = found->second;
  if (value == "true" || value == "1" || value == "yes" || value == "on") return true;
  if (value == "false" || value == "0" || value == "no" || value == "off") return false;
  throw ValueError(fmt::format("{} must be true or false; got \"{}\".", key, value));
}

std::string Settings::text(const std::string& key, std::string fallback) const {
  asked_.insert(key);
  const auto found = values_.find(key);
  return found == values_.end() ? std::move(fallback) : found->second;
}

void Settings::expect_all_used(std::string_view owner) const {
  for (const auto& [key, value] : values_) {
    if (asked_.contains(key)) continue;
    if (asked_.empty()) {
      throw ValueError(
          fmt::format("{} has no options; got {}={}: leave it out.", owner, key, value));
    }
    throw ValueError(fmt::format("{} has no option \"{}\"; its options are {}.", owner, key,
                                 fmt::join(asked_, ", ")));
  }
}

}  // namespace aift
