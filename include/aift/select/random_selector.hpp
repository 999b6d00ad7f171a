// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Asks for candidates at random: the baseline that every other selector has to beat.
///
///   score(i) = uniform number keyed by (seed, selection, round, id of i); the b largest are picked
/// A candidate's number depends on its id alone, so the order of the pool changes nothing and a
/// candidate that is already labelled takes no luck from the others.
///
/// needs  nothing; ids when the pool has them, else the index is the id
/// out    score in [0, 1); larger = label first
/// ties   smaller candidate index first
/// cost   O(N log b)
class RandomSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "random";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary = "At random: the baseline";  ///< one line for people
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "";  ///< keys that `make` reads

  /// Has no options.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& /*settings*/) {
    return std::make_unique<RandomSelector>();
  }
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;
};

}  // namespace aift
