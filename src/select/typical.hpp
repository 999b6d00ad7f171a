// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/settings.hpp>

#include "rows.hpp"

namespace aift::select::detail {

/// How TypiClust clusters and measures.
struct Typicality {
  bool normalise = true;
  index_t neighbours = 20;
  index_t max_clusters = 500;
  /// throws ValueError
  void validate() const;
  /// keys: normalise, neighbours, max_clusters
  [[nodiscard]] static Typicality from(const Settings& settings);
};

/// TypiClust's picks, appended to `out`.
void pick_typical(const PoolView& pool, index_t budget, const SelectContext& context,
                  const Typicality& how, Selection& out);

}  // namespace aift::select::detail
