// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any bytes are read as the header of a DICOM file or refused with a sentence. What does not
// begin as one is given the beginning, so that the parser behind it is reached.
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "src/ct/dicom_header.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace aift::ct::dicom;
  std::vector<unsigned char> bytes(128, 0);
  for (const char c : {'D', 'I', 'C', 'M'})
    bytes.push_back(static_cast<unsigned char>(c));
  bytes.insert(bytes.end(), data, data + size);
  Header header;
  const std::string fault = parse_header(bytes, header);
  if (fault.empty() && header.transfer_syntax.empty()) std::abort();
  for (const auto& [tag, value] : header.elements) {
    if (value.size() > 1024) std::abort();
    (void)header.text(tag);
    (void)header.word(tag);
    for (const double x : header.numbers(tag)) {
      if (!std::isfinite(x)) std::abort();
    }
  }
  Header again;
  (void)parse_header({data, size}, again);
  return 0;
}
