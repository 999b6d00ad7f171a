// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any text is read as a list of candidates or refused with an Error; what is read is
// written and read the same.
#include <cmath>
#include <cstdlib>
#include <string_view>

#include <aift/core/error.hpp>
#include <aift/ct/candidates.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace aift;
  try {
    const auto list = ct::parse_candidates({reinterpret_cast<const char*>(data), size}, "the list");
    for (const ct::Candidate& c : list) {
      if (c.id.empty() || c.volume.empty()) std::abort();
      for (const double x : c.position) {
        if (!std::isfinite(x)) std::abort();
      }
    }
    const std::string text = ct::candidates_csv(list);
    const auto again = ct::parse_candidates(text, "the list");
    if (again.size() != list.size()) std::abort();
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (again[i].id != list[i].id || again[i].position != list[i].position ||
          again[i].label != list[i].label || again[i].split != list[i].split)
        std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
