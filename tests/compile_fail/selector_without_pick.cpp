// SPDX-License-Identifier: Apache-2.0
// A strategy that forgets to pick cannot be made.
// expect: abstract
#include <aift/select/selector.hpp>

class IdleSelector final : public aift::Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "idle"; }
#ifndef AIFT_COMPILE_FAIL

 protected:
  void pick(const aift::PoolView&, aift::index_t, const aift::SelectContext&,
            aift::Selection&) const override {}
#endif
};

void use() {
  IdleSelector selector;
  static_cast<void>(selector.name());
}
