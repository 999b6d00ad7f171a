// SPDX-License-Identifier: Apache-2.0
// A strategy writes pick(); select() validates for all of them and cannot be replaced.
// expect: marked .override., but does not override|only virtual member functions
#include <aift/select/selector.hpp>

class FirstSelector final : public aift::Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "first"; }
#ifdef AIFT_COMPILE_FAIL
  [[nodiscard]] aift::Selection select(const aift::PoolView&, aift::index_t,
                                       const aift::SelectContext&) const override {
    return {};
  }
#endif

 protected:
  void pick(const aift::PoolView&, aift::index_t budget, const aift::SelectContext&,
            aift::Selection& out) const override {
    for (aift::index_t i = 0; i < budget; ++i)
      out.indices.push_back(i);
  }
};
