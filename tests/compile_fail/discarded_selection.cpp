// SPDX-License-Identifier: Apache-2.0
// A selection that nobody looks at is a mistake: it has no side effect.
// expect: ignoring return value|ignoring returned value
#include <aift/select/selector.hpp>

void pick(const aift::Selector& selector, const aift::PoolView& pool) {
  const aift::Selection picks = selector.select(pool, 3);
  static_cast<void>(picks);
#ifdef AIFT_COMPILE_FAIL
  selector.select(pool, 3);
#endif
}
