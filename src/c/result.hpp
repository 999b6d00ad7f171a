// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <aift/aift.h>
#include <aift/core/types.hpp>

/// Behind aift_result: a column per number of the enumeration in aift.h.
struct aift_result {
  using Column = std::variant<std::monostate, std::vector<double>, std::vector<std::int64_t>,
                              std::vector<std::int32_t>>;
  std::array<Column, 11> columns;
  std::vector<std::string> reasons;

  template <class T>
  void put(std::int32_t column, std::vector<T>&& values) {
    columns[static_cast<std::size_t>(column)] = std::move(values);
  }
  [[nodiscard]] const Column* find(std::int32_t column) const noexcept {
    if (column < 0 || static_cast<std::size_t>(column) >= columns.size()) return nullptr;
    return &columns[static_cast<std::size_t>(column)];
  }
};
