// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

namespace aift::detail {

/// Whether this CPU converts half precision. By hand, because clang 14 does not know the name;
/// whether the system keeps the registers must have been asked for AVX2.
inline bool cpu_has_f16c() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned features = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &features, &d) != 0 && (features & bit_F16C) != 0;
}

}  // namespace aift::detail
#endif
