// SPDX-License-Identifier: Apache-2.0
#include <aift/io/dataset.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1 << 16) return 0;
  const auto file = aift::fuzz::write("manifest.csv", data, size);
  aift::fuzz::refuse_or_read([&] {
    const auto data_set = aift::io::read_dataset(file, {.require_trainable = false});
    if (data_set.labels.size() != data_set.paths.size()) __builtin_trap();
  });
  return 0;
}
