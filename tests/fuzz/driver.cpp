// SPDX-License-Identifier: Apache-2.0
// Without libFuzzer: runs the inputs of a folder through a fuzz target, as a test.
#include <cstdio>
#include <iterator>
#include <vector>

#include "fuzz.hpp"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      // And every prefix of the small ones: files that were cut short.
      for (std::size_t cut = 0; bytes.size() < 2000 && cut < bytes.size(); cut += 1 + cut / 16)
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), cut);
      ++count;
    }
  }
  fs::remove_all(aift::fuzz::folder());
  std::printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;
}
