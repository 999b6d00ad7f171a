// SPDX-License-Identifier: Apache-2.0
#include <aift/select/score_selector.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/math/log.hpp>

#include "eligible.hpp"
#include "pool_scores.hpp"

namespace aift {

namespace {

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

/// "0 3 4", at most `most` of them.
std::string list(std::span<const std::int32_t> patches, std::size_t most) {
  if (patches.size() <= most) return fmt::format("{}", fmt::join(patches, " "));
  return fmt::format("{} ...", fmt::join(patches.first(most), " "));
}

/// Why candidate i was picked: what a reader sees beside the image.
std::string explain(const ScoreTable& table, index_t i, index_t rank, index_t of,
                    std::span<const std::int32_t> kept, std::span<const std::int32_t> dropped) {
  std::string text = fmt::format("score {:.4g}, rank {} of {}", table.score[at(i)], rank, of);
  if (!table.entropy.empty() && !table.diversity.empty()) {
    text += fmt::format(" (entropy {:.4g}, diversity {:.4g})", table.entropy[at(i)],
                        table.diversity[at(i)]);
  }
  if (kept.empty()) {
    if (!table.dominant.empty())
      text += fmt::format("; majority for class {}", table.dominant[at(i)]);
    return text;
  }
  constexpr std::size_t kMost = 16;
  text += "; ";
  if (!table.dominant.empty())
    text += fmt::format("majority for class {}, ", table.dominant[at(i)]);
  text += fmt::format("kept {} of {} patches ({})", kept.size(), kept.size() + dropped.size(),
                      list(kept, kMost));
  if (!dropped.empty()) text += fmt::format(", dropped {}", list(dropped, kMost));
  return text;
}

/// Ranks of the picks among all candidates without a label, those included that may not be picked
/// any more: a batch that is put together in several queries is ranked as one.
std::vector<index_t> ranks_among_unlabelled(const PoolView& pool, const ScoreTable& table,
                                            std::span<const index_t> picked, index_t& of) {
  std::vector<index_t> order;
  for (index_t i = 0; i < pool.size; ++i) {
    if (pool.labels.empty() || pool.labels[at(i)] < 0) order.push_back(i);
  }
  const auto before = [&](index_t a, index_t b) {
    return table.score[at(a)] != table.score[at(b)] ? table.score[at(a)] > table.score[at(b)]
                                                    : a < b;
  };
  std::sort(order.begin(), order.end(), before);
  of = static_cast<index_t>(order.size());
  std::vector<index_t> ranks;
  for (const index_t i : picked)
    ranks.push_back(std::lower_bound(order.begin(), order.end(), i, before) - order.begin());
  return ranks;
}

/// Sum in a fixed order with the rounding errors kept (Neumaier).
double careful_sum(std::span<const double> values) {
  double sum = 0;
  double lost = 0;
  for (const double x : values) {
    const double next = sum + x;
    lost += std::fabs(sum) >= std::fabs(x) ? (sum - next) + x : (x - next) + sum;
    sum = next;
  }
  return sum + lost;
}

void expect_beta(double beta) {
  AIFT_EXPECT(beta >= 0 && std::isfinite(beta), ValueError,
              "beta, the strength of the score against the noise, must be finite and at least 0; "
              "got {}.",
              beta);
}

}  // namespace

std::vector<double> noised_keys(std::span<const double> scores, const PickRule& rule) {
  using Kind = PickRule::Kind;
  AIFT_EXPECT(rule.kind == Kind::softmax || rule.kind == Kind::power || rule.kind == Kind::softrank,
              ValueError, "Only softmax, power and softrank add noise; take one of them.");
  expect_beta(rule.beta);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    AIFT_EXPECT(std::isfinite(scores[i]), ValueError,
                "A noised draw needs finite scores; candidate {} has {}.", i, scores[i]);
    AIFT_EXPECT(rule.kind != Kind::power || scores[i] >= -1e-9, ValueError,
                "pick=power needs scores of at least 0; candidate {} has {}. Use softrank.", i,
                scores[i]);
  }
  std::vector<double> keys(scores.size(), 0.0);
  if (rule.beta == 0) return keys;
  if (rule.kind == Kind::softrank) {
    const std::vector<index_t> order = top_b(scores, static_cast<index_t>(scores.size()));
    for (std::size_t r = 0; r < order.size(); ++r)
      keys[at(order[r])] = -rule.beta * math::log(static_cast<double>(r + 1));
    return keys;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (rule.kind == Kind::softmax) {
      keys[i] = rule.beta * scores[i];
    } else {
      keys[i] = scores[i] > 0 ? rule.beta * math::log(scores[i])
                              : -std::numeric_limits<double>::infinity();
    }
  }
  return keys;
}

PickRule PickRule::from(const Settings& settings) {
  PickRule rule;
  const std::string kind = settings.text("pick", "top");
  const std::pair<const char*, Kind> kinds[] = {{"top", Kind::top},
                                                {"acft", Kind::acft},
                                                {"softmax", Kind::softmax},
                                                {"power", Kind::power},
                                                {"softrank", Kind::softrank}};
  const auto found = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](const auto& known) { return kind == known.first; });
  AIFT_EXPECT(found != std::end(kinds), ValueError,
              "pick must be top, acft, softmax, power or softrank; got \"{}\".", kind);
  rule.kind = found->second;
  rule.beta = settings.number("beta", rule.beta);
  expect_beta(rule.beta);
  rule.omega = settings.number("omega", rule.omega);
  AIFT_EXPECT(rule.omega >= 1 && std::isfinite(rule.omega), ValueError,
              "omega, the drawing pool in batches, must be finite and at least 1; got {}.",
              rule.omega);
  return rule;
}

AcftPool acft_pool(std::span<const double> scores, index_t budget, double omega) {
  AIFT_EXPECT(omega >= 1 && std::isfinite(omega), ValueError,
              "omega, the drawing pool in batches, must be finite and at least 1; got {}.", omega);
  AIFT_EXPECT(budget >= 0, ValueError, "The budget must be at least 0; got {}.", budget);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    AIFT_EXPECT(std::isfinite(scores[i]), ValueError,
                "ACFT's draw needs finite scores; candidate {} has {}.", i, scores[i]);
  }
  const double wanted = std::floor(omega * static_cast<double>(budget));
  const double held = static_cast<double>(scores.size());
  AcftPool pool;
  pool.indices = top_b(scores, static_cast<index_t>(std::min(wanted, held)));
  if (pool.indices.empty()) return pool;
  const double first = scores[at(pool.indices.front())];
  const double last = scores[at(pool.indices.back())];
  if (!(first > last)) {
    pool.probability.assign(pool.indices.size(), 1.0 / static_cast<double>(pool.indices.size()));
    return pool;
  }
  const double scale = std::isfinite(first - last) ? 1.0 : 0.5;  // the difference may overflow
  const double span = scale * first - scale * last;
  for (const index_t i : pool.indices) {
    pool.probability.push_back((scale * scores[at(i)] - scale * last) / span);
  }
  const double sum = careful_sum(pool.probability);
  for (double& p : pool.probability)
    p /= sum;
  return pool;
}

std::vector<index_t> acft_draw(std::span<const double> scores, index_t budget, double omega,
                               const std::function<double(index_t)>& uniform) {
  AcftPool pool = acft_pool(scores, budget, omega);
  std::vector<index_t> drawn;
  const index_t draws = std::min<index_t>(budget, static_cast<index_t>(pool.indices.size()));
  for (index_t t = 0; t < draws; ++t) {
    // The first of those left, best first, whose running sum of weights exceeds u times their sum.
    const double total = careful_sum(pool.probability);
    std::size_t chosen = 0;
    if (total > 0) {
      const double target = uniform(t) * total;
      double run = 0;
      for (chosen = 0; chosen + 1 < pool.probability.size(); ++chosen) {
        run += pool.probability[chosen];
        if (run > target) break;
      }
    }
    drawn.push_back(pool.indices[chosen]);
    pool.indices.erase(pool.indices.begin() + static_cast<std::ptrdiff_t>(chosen));
    pool.probability.erase(pool.probability.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  return drawn;
}

void ScoreSelector::score(const PatchPredictions& chunk, ScoreTable& out) const {
  ScoreTable rows;
  rows.request = out.request;
  rows.first_candidate = out.first_candidate + out.size();
  score_into(chunk, rows);
  rows.name = name();  // whichever score it is built on
  if (rows.classes == 0) rows.classes = chunk.classes;
  AIFT_EXPECT(rows.size() == chunk.candidates, ShapeError,
              "The selector {} must score every candidate of a chunk; it scored {} of {}.", name(),
              rows.size(), chunk.candidates);
  out.append(rows);
}

void ScoreSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                         Selection& out) const {
  ScoreTable scored;
  const ScoreTable& table = detail::pool_scores(*this, pool, scored);
  const std::vector<index_t> eligible = detail::eligible_candidates(pool);
  std::vector<double> scores;
  scores.reserve(eligible.size());
  for (const index_t i : eligible)
    scores.push_back(table.score[at(i)]);

  std::vector<index_t> picks;  // positions among the eligible, best first
  std::vector<index_t> ranks;
  if (rule_.kind == PickRule::Kind::top) {
    picks = top_b(scores, budget, context.executor);
    ranks.resize(picks.size());
    std::iota(ranks.begin(), ranks.end(), index_t{0});
  } else if (rule_.kind != PickRule::Kind::acft) {
    std::vector<double> keys = noised_keys(scores, rule_);
    for (std::size_t t = 0; t < keys.size(); ++t)
      keys[t] += detail::gumbel_of(pool, eligible[t], context);
    picks = top_b(keys, budget, context.executor);
    const std::vector<index_t> order = top_b(scores, static_cast<index_t>(scores.size()));
    std::vector<index_t> rank_of(scores.size(), 0);
    for (std::size_t r = 0; r < order.size(); ++r)
      rank_of[at(order[r])] = static_cast<index_t>(r);
    for (const index_t pick : picks)
      ranks.push_back(rank_of[at(pick)]);
  } else {
    const KeyedRandom random(context.seed, Purpose::selection, context.round);
    picks = acft_draw(scores, budget, rule_.omega, [&](index_t t) { return random.uniform(t); });
    const std::vector<index_t> order = acft_pool(scores, budget, rule_.omega).indices;
    std::vector<index_t> rank_of(scores.size(), 0);
    for (std::size_t r = 0; r < order.size(); ++r)
      rank_of[at(order[r])] = static_cast<index_t>(r);
    std::sort(picks.begin(), picks.end(),
              [&](index_t a, index_t b) { return rank_of[at(a)] < rank_of[at(b)]; });
    for (const index_t pick : picks)
      ranks.push_back(rank_of[at(pick)]);
  }

  auto of = static_cast<index_t>(eligible.size());
  if (!pool.standing.empty()) {
    std::vector<index_t> picked;
    for (const index_t pick : picks)
      picked.push_back(eligible[at(pick)]);
    ranks = ranks_among_unlabelled(pool, table, picked, of);
  }
  for (std::size_t t = 0; t < picks.size(); ++t) {
    const index_t i = eligible[at(picks[t])];
    // The patches behind a pick: from the table if it holds them, else scored once more for this
    // one.
    ScoreTable single;
    const ScoreTable* source = &table;
    index_t row = i;
    if (table.kept_offsets.empty() && pool.predictions != nullptr) {
      single.request.kept = true;
      single.first_candidate = i;
      score_into(pool.predictions->slice(i, 1), single);
      source = &single;
      row = 0;
    }
    const auto kept = source->kept_of(row);
    const auto dropped = source->dropped_of(row);
    detail::push_pick(table, i, out);
    if (!kept.empty()) {
      out.kept.emplace_back(kept.begin(), kept.end());
      out.dropped.push_back(dropped);
    }
    std::string reason = explain(table, i, ranks[t], of, kept, dropped);
    if (rule_.kind == PickRule::Kind::acft) reason = "drawn by ACFT's rule: " + reason;
    if (rule_.kind != PickRule::Kind::acft && rule_.kind != PickRule::Kind::top)
      reason = "drawn with noise: " + reason;
    out.reason.push_back(std::move(reason));
  }
}

}  // namespace aift
