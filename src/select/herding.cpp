// SPDX-License-Identifier: Apache-2.0
#include "herding.hpp"

#include <aift/core/error.hpp>

namespace aift::select::detail {

namespace {
constexpr index_t kRowsAtATime = 256;  // of the pool, against
constexpr index_t kTogether = 8;       // candidates whose gains are computed together
constexpr index_t kPart = 64;          // candidates that share what is read of the pool

/// Squared distances become values of the kernel.
void apply(const Kernel& kernel, float* squared, index_t count) {
  const double square = kernel.scale * kernel.scale;
  if (!kernel.ball) {
    distances().gaussian(squared, count, static_cast<float>(1 / square));
    return;
  }
  const auto limit = static_cast<float>(square);
  for (index_t i = 0; i < count; ++i)
    squared[i] = squared[i] <= limit ? 1.0F : 0.0F;
}

}  // namespace

void expect_scale(const char* name, double scale) {
  const double square = scale * scale;
  AIFT_EXPECT(scale > 0 && std::isfinite(square) && std::isfinite(1 / square), ValueError,
              "{} must be positive and finite; got {}.", name, scale);
}

void herd(const PoolView& pool, index_t budget, Executor* executor, bool normalise, Kernel kernel,
          std::span<const double> weights, Selection& out) {
  const Rows rows(pool, canonical(pool, false), normalise);
  const Rows known(pool, canonical(pool, true), normalise);
  const index_t n = rows.size();
  const index_t d = rows.columns();
  std::vector<double> weight(at(n), 1.0);
  if (!weights.empty()) {
    for (index_t p = 0; p < n; ++p)
      weight[at(p)] = weights[at(rows.candidate(p))];
  }
  std::vector<float> covered(at(n), 0.0F);  // largest kernel value with a labelled or picked one

  const auto cover = [&](const float* const* by, index_t count) {
    in_parts(executor, n, kRowsAtATime, [&](index_t first, index_t last) {
      std::vector<float> tile(at((last - first) * kTogether));
      for (index_t c = 0; c < count; c += kTogether) {
        const index_t together = std::min(kTogether, count - c);
        distances().squared(rows.rows() + first, last - first, by + c, together, d, tile.data());
        apply(kernel, tile.data(), (last - first) * together);
        for (index_t p = first; p < last; ++p) {
          for (index_t t = 0; t < together; ++t)
            covered[at(p)] = std::max(covered[at(p)], tile[at((p - first) * together + t)]);
        }
      }
    });
  };
  /// Sums over rows `by`, in their order, that begin with sums[positions[t]]: add(r, kernel, sum) adds
  /// what row r has to say about a candidate.
  const auto add_up = [&](std::span<const index_t> positions, std::span<const float* const> by,
                          std::vector<double>& sums, const auto& add) {
    const auto count = static_cast<index_t>(positions.size());
    const auto most = static_cast<index_t>(by.size());
    const auto part = [&](index_t first, index_t last) {
      std::vector<float> tile(at(kRowsAtATime * kTogether));
      for (index_t r = 0; r < most; r += kRowsAtATime) {
        const index_t some = std::min(kRowsAtATime, most - r);
        for (index_t c = first; c < last; c += kTogether) {
          const index_t together = std::min(kTogether, last - c);
          const float* candidates[kTogether];
          double sum[kTogether];
          for (index_t t = 0; t < together; ++t) {
            candidates[t] = rows.row(positions[at(c + t)]);
            sum[t] = sums[at(positions[at(c + t)])];
          }
          distances().squared(by.data() + r, some, candidates, together, d, tile.data());
          apply(kernel, tile.data(), some * together);
          for (index_t x = 0; x < some; ++x) {
            for (index_t t = 0; t < together; ++t)
              add(r + x, tile[at(x * together + t)], sum[t]);
          }
          for (index_t t = 0; t < together; ++t)
            sums[at(positions[at(c + t)])] = sum[t];
        }
      }
    };
    in_parts(executor, count, count < 16 * kPart ? kTogether : kPart, part);
  };
  /// What a row adds to a gain when `under` is what covers it.
  const auto term = [](float kernel_value, float under) {
    return static_cast<double>(std::max(kernel_value - under, 0.0F));
  };
  std::vector<double> fresh(at(n), 0.0);
  const auto compute = [&](std::span<const index_t> positions) {
    for (const index_t p : positions)
      fresh[at(p)] = 0;
    add_up(positions, {rows.rows(), at(n)}, fresh, [&](index_t r, float value, double& sum) {
      sum += weight[at(r)] * term(value, covered[at(r)]);
    });
  };

  if (known.size() > 0) cover(known.rows(), known.size());
  std::vector<index_t> all(at(n));
  std::iota(all.begin(), all.end(), index_t{0});
  compute(all);
  const std::vector<double> start = fresh;
  std::vector<double> about = fresh;  // gains, but for the order in which they were added up
  std::vector<float> before;
  std::vector<index_t> changed;
  std::vector<const float*> by;
  index_t changes = 0;
  LazyGreedy greedy(fresh);
  for (index_t step = 0; step < budget; ++step) {
    const index_t p = greedy.next([&](std::span<const index_t> positions) {
      compute(positions);
      for (const index_t q : positions)
        greedy.gains()[at(q)] = fresh[at(q)];
    });
    const double gain = greedy.gains()[at(p)] / static_cast<double>(n);
    out.indices.push_back(rows.candidate(p));
    out.score.push_back(gain);
    out.reason.push_back(fmt::format("adds {:.4g} to the coverage of the pool", gain));
    if (step + 1 == budget) break;

    // Every gain falls by what the rows that are covered better now add less.
    before = covered;
    const float* const pick[1] = {rows.row(p)};
    cover(pick, 1);
    changed.clear();
    by.clear();
    for (index_t r = 0; r < n; ++r) {
      if (covered[at(r)] == before[at(r)] || weight[at(r)] == 0) continue;
      changed.push_back(r);
      by.push_back(rows.row(r));
    }
    add_up(all, by, about, [&](index_t c, float value, double& sum) {
      const std::size_t r = at(changed[at(c)]);
      sum -= weight[r] * (term(value, before[r]) - term(value, covered[r]));
    });
    changes += static_cast<index_t>(changed.size());
    // All terms are positive and their sum falls from `start`: what rounding can have done to this
    // sum and to a fresh one. Numbers of candidates are exact.
    const bool exact = kernel.ball && weights.empty();
    const double slack = exact ? 0 : static_cast<double>(n + changes + 4 * step + 64) * 0x1p-51;
    greedy.tighten([&](index_t q) { return about[at(q)] + slack * start[at(q)]; });
  }
}

}  // namespace aift::select::detail
