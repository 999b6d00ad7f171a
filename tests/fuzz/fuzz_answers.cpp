// SPDX-License-Identifier: Apache-2.0
// Answers of readers: tables and what Label Studio exports.
#include <aift/store/tasks.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> classes = {"clear", "polyp"};
  aift::fuzz::refuse_or_read([&] {
    const auto answers = aift::store::parse_answers({reinterpret_cast<const char*>(data), size},
                                                    "answers", classes);
    for (const auto& answer : answers) {
      if (answer.label < -1 || answer.label > 1 || answer.reader.empty()) __builtin_trap();
    }
  });
  return 0;
}
