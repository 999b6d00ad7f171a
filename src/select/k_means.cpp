// SPDX-License-Identifier: Apache-2.0
#include "k_means.hpp"

#include <limits>

namespace aift::select::detail {

namespace {

constexpr index_t kPart = 256;

/// The mean of each cluster's members; that of a cluster without members is beyond every row, and
/// stays so.
void move_centres(const Rows& rows, Clusters& out, Executor* executor) {
  const index_t d = rows.columns();
  const auto list = out.members();
  in_parts(executor, out.count, 1, [&](index_t c, index_t) {
    const auto centre = out.centres.begin() + c * d;
    const auto& members = list[at(c)];
    if (members.empty()) {
      std::fill_n(centre, d, std::numeric_limits<float>::infinity());
    } else {
      const std::vector<float> mean = mean_row(rows, members);
      std::copy(mean.begin(), mean.end(), centre);
    }
  });
}

/// Clusters without members leave; nobody was theirs.
void drop_empty(Clusters& out) {
  std::vector<index_t> place(at(out.count), 0);
  for (const index_t c : out.of)
    place[at(c)] = 1;
  const index_t d = static_cast<index_t>(out.centres.size()) / out.count;
  index_t kept = 0;
  for (index_t c = 0; c < out.count; ++c) {
    if (place[at(c)] == 0) continue;
    std::copy_n(out.centres.begin() + c * d, d, out.centres.begin() + kept * d);
    place[at(c)] = kept++;
  }
  out.count = kept;
  out.centres.resize(at(kept * d));
  for (index_t& c : out.of)
    c = place[at(c)];
}

/// The nearest of the centres for every row; whether one changed.
bool assign(const Rows& rows, const std::vector<const float*>& centres, Clusters& out,
            Executor* executor) {
  const auto k = static_cast<index_t>(centres.size());
  std::vector<char> changed(at((rows.size() + kPart - 1) / kPart), 0);
  in_parts(executor, rows.size(), kPart, [&](index_t first, index_t last) {
    std::vector<float> tile(at((last - first) * k));
    distances().squared(rows.rows() + first, last - first, centres.data(), k, rows.columns(),
                        tile.data());
    for (index_t p = first; p < last; ++p) {
      const float* row = tile.data() + (p - first) * k;
      const auto nearest = static_cast<index_t>(std::min_element(row, row + k) - row);
      if (out.of[at(p)] != nearest) changed[at(first / kPart)] = 1;
      out.of[at(p)] = nearest;
      out.squared[at(p)] = row[nearest];
    }
  });
  return std::find(changed.begin(), changed.end(), 1) != changed.end();
}

}  // namespace

std::vector<std::vector<index_t>> Clusters::members() const {
  std::vector<std::vector<index_t>> list(at(count));
  for (std::size_t p = 0; p < of.size(); ++p)
    list[at(of[p])].push_back(static_cast<index_t>(p));
  return list;
}

Clusters k_means(const Rows& rows, index_t k, const KeyedRandom& random, index_t iterations,
                 Executor* executor) {
  const index_t n = rows.size();
  const index_t d = rows.columns();
  Clusters out;
  out.of.assign(at(n), 0);
  out.squared.assign(at(n), std::numeric_limits<float>::infinity());
  if (n == 0 || k < 1) return out;

  std::vector<index_t> seeds = {random.below(0, n)};
  std::vector<double> running(at(sum_parts(n)));
  while (true) {  // k-means++: each further seed by its squared distance to the nearest
    const float* const seed[1] = {rows.row(seeds.back())};
    in_parts(executor, n, 4096, [&](index_t first, index_t last) {
      std::vector<float> to(at(last - first));
      distances().squared(rows.rows() + first, last - first, seed, 1, d, to.data());
      for (index_t p = first; p < last; ++p)
        out.squared[at(p)] = std::min(out.squared[at(p)], to[at(p - first)]);
    });
    if (static_cast<index_t>(seeds.size()) == std::min(k, n)) break;
    in_parts(executor, sum_parts(n), 1, [&](index_t part, index_t) {
      running[at(part)] = part_sum(out.squared.data(), n, part);
    });
    std::partial_sum(running.begin(), running.end(), running.begin());
    const index_t chosen = draw_row(out.squared.data(), n, running.data(),
                                    random.uniform(static_cast<index_t>(seeds.size())));
    if (chosen < 0) break;  // every distinct row is a seed
    seeds.push_back(chosen);
  }

  out.count = static_cast<index_t>(seeds.size());
  for (const index_t p : seeds)
    out.centres.insert(out.centres.end(), rows.row(p), rows.row(p) + d);
  out.of.assign(at(n), -1);
  for (index_t iteration = 0;; ++iteration) {
    std::vector<const float*> centres;
    for (index_t c = 0; c < out.count; ++c)
      centres.push_back(out.centres.data() + c * d);
    if (!assign(rows, centres, out, executor) || iteration + 1 >= iterations) break;
    move_centres(rows, out, executor);
  }
  drop_empty(out);
  return out;
}

std::vector<index_t> nearest_to_centres(const Clusters& clusters, index_t count) {
  auto members = clusters.members();
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (auto& list : members) {
    std::stable_sort(list.begin(), list.end(), [&](index_t a, index_t b) {
      return clusters.squared[at(a)] < clusters.squared[at(b)];
    });
  }
  std::vector<index_t> out;
  count = std::min(count, static_cast<index_t>(clusters.of.size()));
  for (std::size_t depth = 0; static_cast<index_t>(out.size()) < count; ++depth) {
    for (const auto& list : members) {
      if (depth < list.size() && static_cast<index_t>(out.size()) < count)
        out.push_back(list[depth]);
    }
  }
  return out;
}

}  // namespace aift::select::detail
