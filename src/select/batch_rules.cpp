// SPDX-License-Identifier: Apache-2.0
#include <aift/select/batch_rules.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/select/score_selector.hpp>

#include "eligible.hpp"

namespace aift {

namespace {

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

/// The members of every group, side by side.
class Members {
 public:
  explicit Members(std::span<const index_t> keys) : keys_(keys), order_(keys.size()) {
    for (std::size_t i = 0; i < keys.size(); ++i)
      order_[i] = static_cast<index_t>(i);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](index_t a, index_t b) { return keys[at(a)] < keys[at(b)]; });
  }
  /// Those with the key of candidate i, ascending.
  [[nodiscard]] std::span<const index_t> like(index_t i) const {
    const index_t key = keys_[at(i)];
    const auto first = std::partition_point(order_.begin(), order_.end(),
                                            [&](index_t j) { return keys_[at(j)] < key; });
    const auto last =
        std::partition_point(first, order_.end(), [&](index_t j) { return keys_[at(j)] == key; });
    return {first, last};
  }

 private:
  std::span<const index_t> keys_;
  std::vector<index_t> order_;
};

/// Cosines of features, summed in a fixed order.
class Cosines {
 public:
  Cosines(std::span<const float> features, index_t size) : features_(features), size_(size) {
    const index_t n = static_cast<index_t>(features.size()) / size;
    length_.reserve(at(n));
    for (index_t i = 0; i < n; ++i)
      length_.push_back(std::sqrt(dot(i, i)));
  }
  [[nodiscard]] double operator()(index_t i, index_t j) const {
    const double lengths = length_[at(i)] * length_[at(j)];
    return lengths > 0 ? std::min(1.0, dot(i, j) / lengths) : -1.0;
  }

 private:
  [[nodiscard]] double dot(index_t i, index_t j) const {
    const float* a = features_.data() + i * size_;
    const float* b = features_.data() + j * size_;
    std::array<double, 8> sums{};
    index_t f = 0;
    for (; f + 8 <= size_; f += 8) {
      for (index_t lane = 0; lane < 8; ++lane)
        sums[at(lane)] += static_cast<double>(a[f + lane]) * static_cast<double>(b[f + lane]);
    }
    for (; f < size_; ++f)
      sums[at(f % 8)] += static_cast<double>(a[f]) * static_cast<double>(b[f]);
    double sum = 0;
    for (const double lane : sums)
      sum += lane;
    return sum;
  }

  std::span<const float> features_;
  index_t size_;
  std::vector<double> length_;
};

void check_inputs(const BatchRules& rules, const PoolView& pool) {
  const auto require = [](bool needed, bool given, std::string_view rule, std::string_view what) {
    AIFT_EXPECT(!needed || given, ValueError, "The batch rule {} needs {}; the pool has none.",
                rule, what);
  };
  const bool gap = rules.min_gap > 0;
  const bool similarity = rules.veto_similarity < 1;
  require(rules.max_per_group > 0, !pool.groups.empty(), "max_per_group", "groups");
  require(gap, !pool.times.empty(), "min_gap", "times");
  require(gap, !pool.groups.empty() || !pool.sequences.empty(), "min_gap", "sequences or groups");
  require(similarity, !pool.features.empty(), "veto_similarity", "features");
  require(rules.against_labelled, !pool.labels.empty(), "against_labelled", "labels");
  require(rules.max_cost > 0, !pool.costs.empty(), "max_cost", "costs");
  if (similarity) {
    for (std::size_t i = 0; i < pool.features.size(); ++i) {
      AIFT_EXPECT(std::isfinite(pool.features[i]), ValueError,
                  "Features must be finite; candidate {} has {}.", i / at(pool.feature_size),
                  pool.features[i]);
    }
  }
  if (rules.max_cost > 0) {
    for (std::size_t i = 0; i < pool.costs.size(); ++i) {
      AIFT_EXPECT(pool.costs[i] >= 0 && std::isfinite(pool.costs[i]), ValueError,
                  "Costs must be finite and at least 0; candidate {} has {}.", i, pool.costs[i]);
    }
  }
}

/// A batch that is being put together, and what it means for everybody else.
class Batch {
 public:
  struct LeftOut {  // on account of one pick
    index_t group = 0;
    index_t gap = 0;
    index_t similarity = 0;
  };

  Batch(const BatchRules& rules, const PoolView& pool) : rules_(rules), pool_(pool) {
    standing_.assign(at(pool.size), Standing::open);
    if (!pool.standing.empty()) standing_.assign(pool.standing.begin(), pool.standing.end());
    for (index_t i = 0; i < pool.size; ++i)
      open_ += is_open(i) ? 1 : 0;
    if (rules.max_per_group > 0) {
      groups_.emplace(pool.groups);
      taken_.assign(at(pool.size), 0);
    }
    if (rules.min_gap > 0)
      sequences_.emplace(pool.sequences.empty() ? pool.groups : pool.sequences);
    if (rules.veto_similarity < 1) cosines_.emplace(pool.features, pool.feature_size);
    if (rules.against_labelled) {
      LeftOut unused;
      for (index_t i = 0; i < pool.size; ++i) {
        if (pool.labels[at(i)] >= 0) bar_near(i, unused);
      }
    }
    if (rules.max_cost > 0) bar_costly();
  }

  [[nodiscard]] std::span<const Standing> standing() const noexcept { return standing_; }
  [[nodiscard]] index_t open() const noexcept { return open_; }
  [[nodiscard]] const VetoCounts& vetoed() const noexcept { return vetoed_; }
  [[nodiscard]] bool is_open(index_t i) const noexcept {
    return standing_[at(i)] == Standing::open && (pool_.labels.empty() || pool_.labels[at(i)] < 0);
  }
  [[nodiscard]] bool is_barred(index_t i) const noexcept {
    return standing_[at(i)] == Standing::barred;
  }

  /// Takes an open candidate into the batch. Gives whom that leaves out.
  LeftOut take(index_t i) {
    standing_[at(i)] = Standing::chosen;
    --open_;
    LeftOut left_out;
    if (groups_) {
      const auto group = groups_->like(i);
      if (++taken_[at(group.front())] >= rules_.max_per_group) {
        for (const index_t j : group)
          bar(j, vetoed_.group, left_out.group);
      }
    }
    bar_near(i, left_out);
    if (rules_.max_cost > 0) {
      spent_ += pool_.costs[at(i)];
      bar_costly();
    }
    return left_out;
  }

 private:
  void bar(index_t i, index_t& count, index_t& left_out) {
    if (!is_open(i)) return;
    standing_[at(i)] = Standing::barred;
    --open_;
    ++count;
    ++left_out;
  }
  void bar_near(index_t i, LeftOut& left_out) {
    if (sequences_) {
      for (const index_t j : sequences_->like(i)) {
        const double apart = std::fabs(pool_.times[at(j)] - pool_.times[at(i)]);
        if (apart < rules_.min_gap) bar(j, vetoed_.gap, left_out.gap);  // a NaN is not below
      }
    }
    if (cosines_) {
      for (index_t j = 0; j < pool_.size; ++j) {
        if (is_open(j) && (*cosines_)(i, j) > rules_.veto_similarity)
          bar(j, vetoed_.similarity, left_out.similarity);
      }
    }
  }
  void bar_costly() {
    index_t unused = 0;
    for (index_t j = 0; j < pool_.size; ++j) {
      if (spent_ + pool_.costs[at(j)] > rules_.max_cost) bar(j, vetoed_.cost, unused);
    }
  }

  const BatchRules& rules_;
  const PoolView& pool_;
  std::vector<Standing> standing_;
  index_t open_ = 0;
  std::optional<Members> groups_;
  std::vector<index_t> taken_;  // of a group, at its first member
  std::optional<Members> sequences_;
  std::optional<Cosines> cosines_;
  double spent_ = 0;
  VetoCounts vetoed_;
};

/// Open candidates in a random order of their own, which no other draw shares.
std::vector<index_t> audit_order(const PoolView& pool, const Batch& batch,
                                 const SelectContext& context) {
  std::vector<std::pair<std::uint64_t, index_t>> order;
  for (index_t i = 0; i < pool.size; ++i) {
    if (!batch.is_open(i)) continue;
    const std::uint64_t id = detail::id_of(pool, i);
    order.emplace_back(KeyedRandom(context.seed, Purpose::audit, context.round, id).bits(0), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<index_t> out;
  for (const auto& [key, i] : order)
    out.push_back(i);
  return out;
}

/// "; leaves out 14 near in time, 3 near-duplicates"
std::string left_out_text(const Batch::LeftOut& left_out) {
  std::string text;
  const auto add = [&](index_t count, std::string_view what) {
    if (count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "; leaves out " : ", ", count, what);
  };
  add(left_out.gap, "near in time");
  add(left_out.similarity, "near-duplicates");
  add(left_out.group, "more of its group");
  return text;
}

/// Row r of `from` behind the rows of `to`.
void append_row(const Selection& from, std::size_t r, Selection& to) {
  const auto copy = [r](const auto& source, auto& target) {
    if (!source.empty()) target.push_back(source[r]);
  };
  copy(from.indices, to.indices);
  copy(from.score, to.score);
  copy(from.entropy, to.entropy);
  copy(from.diversity, to.diversity);
  copy(from.dominant, to.dominant);
  copy(from.kept, to.kept);
  copy(from.dropped, to.dropped);
  to.reason.push_back(from.reason.empty() ? std::string("picked") : from.reason[r]);
  to.audit.push_back(0);
}

/// A row for an audit pick: it has the numbers of the score table, where there is one.
void append_audit_row(index_t i, const ScoreTable* table, std::string reason, Selection& to) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const bool alone = to.indices.empty();
  const auto number = [&](const std::vector<double>* column, std::vector<double>& target) {
    const bool known = column != nullptr && !column->empty();
    if (alone ? known : !target.empty()) target.push_back(known ? (*column)[at(i)] : kNan);
  };
  number(table != nullptr ? &table->score : nullptr, to.score);
  number(table != nullptr ? &table->entropy : nullptr, to.entropy);
  number(table != nullptr ? &table->diversity : nullptr, to.diversity);
  const bool has_dominant = table != nullptr && !table->dominant.empty();
  if (alone ? has_dominant : !to.dominant.empty())
    to.dominant.push_back(has_dominant ? table->dominant[at(i)] : kUnlabelled);
  if (!to.kept.empty()) to.kept.emplace_back();
  if (!to.dropped.empty()) to.dropped.emplace_back();
  to.indices.push_back(i);
  to.reason.push_back(std::move(reason));
  to.audit.push_back(1);
}

/// "no other candidate is admitted: 410 by the group quota, ..."
std::string shortfall_text(index_t got, index_t wanted, const VetoCounts& vetoed) {
  std::string why;
  const auto add = [&](index_t count, std::string_view what) {
    if (count > 0) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", count, what);
  };
  add(vetoed.group, "by the group quota");
  add(vetoed.gap, "by the gap in time");
  add(vetoed.similarity, "as near-duplicates");
  add(vetoed.cost, "by their cost");
  return fmt::format(
      "The batch has {} of {} candidates: the batch rules leave out all others ({}).", got, wanted,
      why);
}

}  // namespace

bool BatchRules::any() const noexcept {
  return max_per_group > 0 || min_gap > 0 || veto_similarity < 1 || max_cost > 0 || audit_share > 0;
}

Needs BatchRules::needs() const noexcept {
  Needs needs;
  needs.features = veto_similarity < 1;
  needs.groups = max_per_group > 0 || min_gap > 0;
  needs.labels = against_labelled && (needs.features || min_gap > 0);
  return needs;
}

void BatchRules::validate() const {
  AIFT_EXPECT(max_per_group >= 0, ValueError,
              "max_per_group must be at least 1, or 0 for no rule; got {}.", max_per_group);
  AIFT_EXPECT(min_gap >= 0 && std::isfinite(min_gap), ValueError,
              "min_gap must be finite and positive, or 0 for no rule; got {}.", min_gap);
  AIFT_EXPECT(veto_similarity >= 0 && veto_similarity <= 1, ValueError,
              "veto_similarity must be a cosine from 0 to 1, where 1 is no rule; got {}.",
              veto_similarity);
  AIFT_EXPECT(max_cost >= 0 && std::isfinite(max_cost), ValueError,
              "max_cost must be finite and positive, or 0 for no rule; got {}.", max_cost);
  AIFT_EXPECT(audit_share >= 0 && audit_share <= 1, ValueError,
              "audit_share must be a share from 0 to 1; got {}.", audit_share);
  AIFT_EXPECT(
      !against_labelled || min_gap > 0 || veto_similarity < 1, ValueError,
      "against_labelled extends min_gap and veto_similarity to labelled candidates; set one "
      "of the two.");
}

std::string BatchRules::text() const {
  std::vector<std::string> parts;
  if (max_per_group > 0) parts.push_back(fmt::format("at most {} of a group", max_per_group));
  if (min_gap > 0) parts.push_back(fmt::format("at least {} apart in time", min_gap));
  if (veto_similarity < 1)
    parts.push_back(fmt::format("similarity of features at most {}", veto_similarity));
  if (against_labelled) parts.emplace_back("also towards what is labelled");
  if (max_cost > 0) parts.push_back(fmt::format("cost at most {}", max_cost));
  if (audit_share > 0) parts.push_back(fmt::format("a share of {} at random", audit_share));
  return fmt::format("{}", fmt::join(parts, "; "));
}

Selection select_batch(const Selector& selector, const BatchRules& rules, const PoolView& pool,
                       index_t budget, const SelectContext& context) {
  rules.validate();
  if (!rules.any()) return selector.select(pool, budget, context);
  Selection out = selector.select(pool, 0, context);  // checks the pool and the selector's needs
  AIFT_EXPECT(budget >= 0, ValueError, "The budget must be at least 0; got {}.", budget);
  if (pool.size == 0 || budget == 0) return out;
  check_inputs(rules, pool);

  PoolView view = pool;
  ScoreTable scored;
  const auto* scorer = dynamic_cast<const ScoreSelector*>(&selector);
  if (scorer != nullptr && pool.scores == nullptr) {  // once, not in every query
    scorer->score(*pool.predictions, scored);
    view.scores = &scored;
  }

  Batch batch(rules, pool);
  index_t eligible = 0;
  for (index_t i = 0; i < pool.size; ++i)
    eligible += may_be_picked(pool, i) ? 1 : 0;
  const index_t wanted = std::min(budget, eligible);
  const auto audits =
      static_cast<index_t>(std::floor(rules.audit_share * static_cast<double>(wanted) + 0.5));
  std::vector<std::pair<index_t, std::string>> audited;
  if (audits > 0) {
    for (const index_t i : audit_order(pool, batch, context)) {
      if (static_cast<index_t>(audited.size()) == audits) break;
      if (!batch.is_open(i)) continue;
      audited.emplace_back(
          i, fmt::format("audit sample: drawn at random (seed {}, round {}){}", context.seed,
                         context.round, left_out_text(batch.take(i))));
    }
  }

  const index_t selected = wanted - static_cast<index_t>(audited.size());
  view.standing = batch.standing();
  while (out.size() < selected && batch.open() > 0) {
    const Selection proposed = selector.select(view, selected - out.size(), context);
    AIFT_EXPECT(proposed.size() >= 1, ValueError,
                "A selector must pick somebody from {} candidates; \"{}\" picked nobody.",
                batch.open(), selector.name());
    const std::vector<Standing> before(batch.standing().begin(), batch.standing().end());
    for (std::size_t r = 0; r < proposed.indices.size() && out.size() < selected; ++r) {
      const index_t i = proposed.indices[r];
      const bool allowed = i >= 0 && i < pool.size && before[at(i)] == Standing::open &&
                           (batch.is_open(i) || batch.is_barred(i));
      AIFT_EXPECT(allowed, ValueError,
                  "A selector must pick candidates that may be picked (may_be_picked), each once; "
                  "\"{}\" picked {}.",
                  selector.name(), i);
      if (batch.is_barred(i)) continue;  // by an earlier one of this proposal
      append_row(proposed, r, out);
      out.reason.back() += left_out_text(batch.take(i));
    }
  }
  for (auto& [i, reason] : audited)
    append_audit_row(i, view.scores, std::move(reason), out);
  out.vetoed = batch.vetoed();
  if (out.size() < wanted) out.shortfall = shortfall_text(out.size(), wanted, out.vetoed);
  return out;
}

}  // namespace aift
