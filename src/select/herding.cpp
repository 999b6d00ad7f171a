// SPDX-License-Identifier: Apache-2.0
#include "herding.hpp"

#include <aift/core/error.hpp>

namespace aift::select::detail {

namespace {
constexpr index_t kRowsAtATime = 256;  // of the pool, against
constexpr index_t kTogether = 8;       // candidates whose gains are computed together

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
  std::vector<double> fresh(at(n), 0.0);
  const auto compute = [&](std::span<const index_t> positions) {
    in_parts(executor, static_cast<index_t>(positions.size()), kTogether,
             [&](index_t first, index_t last) {
               const index_t together = last - first;
               const float* by[kTogether];
               double sum[kTogether] = {};
               for (index_t t = 0; t < together; ++t)
                 by[t] = rows.row(positions[at(first + t)]);
               std::vector<float> tile(at(kRowsAtATime * together));
               for (index_t p = 0; p < n; p += kRowsAtATime) {
                 const index_t count = std::min(kRowsAtATime, n - p);
                 distances().squared(rows.rows() + p, count, by, together, d, tile.data());
                 apply(kernel, tile.data(), count * together);
                 for (index_t r = 0; r < count; ++r) {
                   for (index_t t = 0; t < together; ++t) {
                     const float more = tile[at(r * together + t)] - covered[at(p + r)];
                     sum[t] += weight[at(p + r)] * static_cast<double>(std::max(more, 0.0F));
                   }
                 }
               }
               for (index_t t = 0; t < together; ++t)
                 fresh[at(positions[at(first + t)])] = sum[t];
             });
  };

  if (known.size() > 0) cover(known.rows(), known.size());
  std::vector<index_t> all(at(n));
  std::iota(all.begin(), all.end(), index_t{0});
  compute(all);
  LazyGreedy greedy(fresh);
  for (index_t step = 0; step < budget; ++step) {
    const index_t p = greedy.next([&](std::span<const index_t> positions) {
      compute(positions);
      for (const index_t q : positions)
        greedy.gains()[at(q)] = fresh[at(q)];
    });
    const float* const by[1] = {rows.row(p)};
    cover(by, 1);
    const double gain = greedy.gains()[at(p)] / static_cast<double>(n);
    out.indices.push_back(rows.candidate(p));
    out.score.push_back(gain);
    out.reason.push_back(fmt::format("adds {:.4g} to the coverage of the pool", gain));
  }
}

}  // namespace aift::select::detail
