// SPDX-License-Identifier: Apache-2.0
#include <aift/io/numbers.hpp>

#include <array>
#include <charconv>
#include <system_error>

namespace aift::io {

namespace {

template <class T>
std::string to_text(T value) {
  if (value != value) return "nan";  // whatever the sign bit of the NaN
  std::array<char, 32> text{};       // 24 are enough for any double
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

template <class T>
std::optional<T> from_text(std::string_view text) noexcept {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string shortest(double value) { return to_text(value); }
std::string shortest(float value) { return to_text(value); }

std::optional<double> parse_number(std::string_view text) noexcept {
  return from_text<double>(text);
}

std::optional<index_t> parse_integer(std::string_view text) noexcept {
  return from_text<index_t>(text);
}

}  // namespace aift::io
