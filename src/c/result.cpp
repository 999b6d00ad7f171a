// SPDX-License-Identifier: Apache-2.0
#include "src/c/result.hpp"

#include <type_traits>

namespace {

template <class T>
const T* entries(const aift_result* result, std::int32_t column) noexcept {
  const auto* found = result != nullptr ? result->find(column) : nullptr;
  const auto* values = found != nullptr ? std::get_if<std::vector<T>>(found) : nullptr;
  return values != nullptr ? values->data() : nullptr;
}

}  // namespace

extern "C" {

int64_t aift_result_size(const aift_result* result, int32_t column) {
  const auto* found = result != nullptr ? result->find(column) : nullptr;
  if (found == nullptr) return 0;
  return std::visit(
      [](const auto& values) -> int64_t {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::monostate>) {
          return 0;
        } else {
          return static_cast<int64_t>(values.size());
        }
      },
      *found);
}

const double* aift_result_f64(const aift_result* result, int32_t column) {
  return entries<double>(result, column);
}

const int64_t* aift_result_i64(const aift_result* result, int32_t column) {
  return entries<std::int64_t>(result, column);
}

const int32_t* aift_result_i32(const aift_result* result, int32_t column) {
  return entries<std::int32_t>(result, column);
}

const char* aift_result_reason(const aift_result* result, int64_t rank) {
  if (result == nullptr || rank < 0 || rank >= static_cast<int64_t>(result->reasons.size())) {
    return nullptr;
  }
  return result->reasons[static_cast<std::size_t>(rank)].c_str();
}

void aift_result_destroy(aift_result* result) { delete result; }

}  // extern "C"
