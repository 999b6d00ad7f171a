// SPDX-License-Identifier: Apache-2.0
// The plain engine once more, built with contraction on (tests/CMakeLists.txt). Exit status 0 when
// the probe that "no engine is compiled with contraction" relies on tells so; 77 when this CPU has
// no instruction to contract to.
#include <cstdio>

#include "src/score/engine_list.hpp"

int main() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("fma")) {
    std::puts("SKIPPED: this CPU has no FMA");
    return 77;
  }
#endif
  const volatile double a = 1 + 0x1p-52;
  const volatile double b = 1 - 0x1p-52;
  const double rest = aift::score::detail::kBaselineEngine.contraction_probe(a, b, -1.0);
  std::printf("a * b - 1 = %a\n", rest);
  return rest == -0x1p-104 ? 0 : 1;
}
