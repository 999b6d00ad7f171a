// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>
#include <aift/score/score_table.hpp>

namespace aift {

/// Which inputs a selector reads; `select` refuses a pool that lacks one of them.
struct Needs {
  bool scores = false;  ///< predictions, or a score table made by this selector
  bool mean_probabilities = false;
  bool features = false;
  bool labels = false;
  bool groups = false;
};

/// Everything a selector may look at. Owns nothing; empty spans mean "not given".
struct PoolView {
  index_t size = 0;                               ///< N
  index_t classes = 0;                            ///< K
  const PatchPredictions* predictions = nullptr;  ///< of all N candidates, or
  const ScoreTable* scores = nullptr;             ///< already scored, chunk by chunk
  std::span<const double> mean_probabilities;     ///< [N, K]
  std::span<const float> features;                ///< [N, feature_size]
  index_t feature_size = 0;
  std::span<const label_t> labels;     ///< [N]; >= 0: labelled already, never picked again
  std::span<const index_t> groups;     ///< [N]
  std::span<const double> costs;       ///< [N]
  std::span<const std::uint64_t> ids;  ///< [N] stable sample ids for keyed randomness; else indices
};

/// What a selection depends on besides the pool.
struct SelectContext {
  std::uint64_t seed = 0;
  index_t round = 0;
  Executor* executor = nullptr;  ///< null: the calling thread alone; picks never depend on it
};

/// The picks, best first, and why. Vectors beside `indices` are parallel to it or empty.
struct Selection {
  std::string selector;
  std::vector<index_t> indices;
  std::vector<double> score;
  std::vector<double> entropy;
  std::vector<double> diversity;
  std::vector<label_t> dominant;
  std::vector<std::vector<std::int32_t>> kept;     ///< patch numbers, most confident first
  std::vector<std::vector<std::int32_t>> dropped;  ///< patches outside the majority, ascending
  std::vector<std::string> reason;                 ///< one short sentence per pick
  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(indices.size()); }
};

/// Picks candidates; never trains, never changes the pool.
///
/// thread safe: select() is const and may run in several threads on one object
class Selector {
 public:
  virtual ~Selector() = default;
  /// Name in the registry and in reports, snake_case.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual Needs needs() const { return {}; }

  /// Validates, then picks min(budget, unlabelled candidates), no candidate twice.
  /// throws ShapeError, ValueError: sizes that disagree, a missing input, budget < 0, NaN
  [[nodiscard]] Selection select(const PoolView& pool, index_t budget,
                                 const SelectContext& context = {}) const;

 protected:
  /// `budget` is already clipped to what is eligible and is at least 1.
  virtual void pick(const PoolView& pool, index_t budget, const SelectContext& context,
                    Selection& out) const = 0;
};

}  // namespace aift
