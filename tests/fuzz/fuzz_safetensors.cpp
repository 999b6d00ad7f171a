// SPDX-License-Identifier: Apache-2.0
#include <aift/io/safetensors.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = aift::fuzz::write("a.safetensors", data, size);
  aift::fuzz::refuse_or_read([&] {
    const aift::io::Safetensors tensors(file);
    volatile unsigned sum = 0;
    for (const aift::io::TensorView& one : tensors.tensors()) {
      for (const std::byte byte : one.bytes)
        sum = sum + static_cast<unsigned>(byte);
    }
  });
  return 0;
}
