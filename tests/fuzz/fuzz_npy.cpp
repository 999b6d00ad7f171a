// SPDX-License-Identifier: Apache-2.0
#include <aift/io/npy.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = aift::fuzz::write("a.npy", data, size);
  aift::fuzz::refuse_or_read([&] {
    const aift::io::NpyArray array = aift::io::read_npy(file);
    volatile unsigned sum = 0;  // every byte that it says it has
    const auto bytes = static_cast<std::size_t>(array.size()) * aift::io::element_size(array.type);
    for (std::size_t i = 0; i < bytes; ++i)
      sum = sum + static_cast<unsigned>(array.data[i]);
  });
  return 0;
}
