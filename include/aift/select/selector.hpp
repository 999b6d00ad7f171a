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
  bool scores = false;              ///< predictions, or a score table made by this selector
  bool mean_probabilities = false;  ///< PoolView::mean_probabilities
  bool features = false;            ///< PoolView::features
  bool labels = false;              ///< PoolView::labels
  bool groups = false;              ///< PoolView::groups
};

/// What a batch that is being put together means for a candidate (select_batch).
enum class Standing : std::uint8_t {
  open,    ///< may be picked
  barred,  ///< may not be picked now; it has no label and covers nothing
  chosen,  ///< in this batch already: what covers or clusters treats it like a labelled one
};

/// Everything a selector may look at. Owns nothing; empty spans mean "not given".
struct PoolView {
  index_t size = 0;                               ///< N
  index_t classes = 0;                            ///< K
  const PatchPredictions* predictions = nullptr;  ///< of all N candidates, or
  const ScoreTable* scores = nullptr;             ///< already scored, chunk by chunk
  std::span<const double> mean_probabilities;     ///< [N, K]
  std::span<const float> features;                ///< [N, feature_size]
  index_t feature_size = 0;                       ///< d
  std::span<const label_t> labels;  ///< [N]; >= 0: labelled already, never picked again
  std::span<const index_t> groups;  ///< [N]
  std::span<const double> costs;    ///< [N]
  std::span<const double> times;    ///< [N] place within its sequence (frame number); NaN: unknown
  std::span<const index_t> sequences;  ///< [N] which video `times` counts in; empty: the groups
  std::span<const Standing> standing;  ///< [N] empty: all open
  std::span<const std::uint64_t> ids;  ///< [N] stable sample ids for keyed randomness; else indices
};

/// Whether a selector may pick candidate i: no label, and not barred or chosen already.
[[nodiscard]] inline bool may_be_picked(const PoolView& pool, index_t i) noexcept {
  const auto at = static_cast<std::size_t>(i);
  return (pool.labels.empty() || pool.labels[at] < 0) &&
         (pool.standing.empty() || pool.standing[at] == Standing::open);
}

/// What a selection depends on besides the pool.
struct SelectContext {
  std::uint64_t seed = 0;        ///< of the experiment
  index_t round = 0;             ///< from 0 on
  Executor* executor = nullptr;  ///< null: the calling thread alone; picks never depend on it
};

/// Candidates that a batch rule kept out of a batch, each counted once, by the first rule in this
/// order.
struct VetoCounts {
  index_t group = 0;       ///< their group had its share of the batch
  index_t gap = 0;         ///< too near in time to one of the batch
  index_t similarity = 0;  ///< too similar to one of the batch
  index_t cost = 0;        ///< more than what was left to spend
  /// Of all rules.
  [[nodiscard]] index_t sum() const noexcept { return group + gap + similarity + cost; }
  /// Member by member.
  [[nodiscard]] bool operator==(const VetoCounts&) const = default;
};

/// The picks, best first, and why. Vectors beside `indices` are parallel to it or empty.
struct Selection {
  std::string selector;                            ///< name of the selector
  std::vector<index_t> indices;                    ///< positions in the pool, best first
  std::vector<double> score;                       ///< what was ranked by
  std::vector<double> entropy;                     ///< nats
  std::vector<double> diversity;                   ///< nats
  std::vector<label_t> dominant;                   ///< class of the largest mean probability
  std::vector<std::vector<std::int32_t>> kept;     ///< patch numbers, most confident first
  std::vector<std::vector<std::int32_t>> dropped;  ///< patches outside the majority, ascending
  std::vector<std::string> reason;                 ///< one short sentence per pick
  std::vector<std::uint8_t> audit;  ///< 1: drawn at random as an audit sample (BatchRules)
  VetoCounts vetoed;                ///< what batch rules kept out
  std::string shortfall;            ///< why the batch is shorter than asked for; empty: it is not
  /// Picks.
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
  /// What the pool must bring; without an override nothing.
  [[nodiscard]] virtual Needs needs() const { return {}; }

  /// Validates, then picks min(budget, candidates that may be picked), no candidate twice.
  /// throws ShapeError, ValueError: sizes that disagree, a missing input, budget < 0, NaN
  [[nodiscard]] Selection select(const PoolView& pool, index_t budget,
                                 const SelectContext& context = {}) const;

 protected:
  /// `budget` is already clipped to what is eligible and is at least 1.
  virtual void pick(const PoolView& pool, index_t budget, const SelectContext& context,
                    Selection& out) const = 0;
};

}  // namespace aift
