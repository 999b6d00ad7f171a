// SPDX-License-Identifier: Apache-2.0
#include "linkage.hpp"

#include <limits>

namespace aift::select::detail {

namespace {

constexpr index_t kRowsAtATime = 16;

/// Distances of all pairs, one triangle.
class Distances {
 public:
  Distances(const Rows& rows, Executor* executor)
      : values_(at(rows.size() * (rows.size() - 1) / 2)) {
    const index_t n = rows.size();
    in_parts(executor, n, kRowsAtATime, [&](index_t first, index_t last) {
      std::vector<float> tile(at((last - first) * last));  // against all before
      distances().squared(rows.rows() + first, last - first, rows.rows(), last, rows.columns(),
                          tile.data());
      for (index_t i = first; i < last; ++i) {
        for (index_t j = 0; j < i; ++j)
          (*this)(i, j) = std::sqrt(tile[at((i - first) * last + j)]);
      }
    });
  }
  [[nodiscard]] float& operator()(index_t i, index_t j) {
    return i > j ? values_[at(i * (i - 1) / 2 + j)] : values_[at(j * (j - 1) / 2 + i)];
  }

 private:
  std::vector<float> values_;
};

struct Merge {
  float height = 0;
  index_t a = 0;  ///< a member of either side
  index_t b = 0;
};

std::vector<Merge> tree(Distances& apart, index_t n) {
  std::vector<index_t> size(at(n), 1);  // 0: joined into another
  std::vector<index_t> alive(at(n));
  std::iota(alive.begin(), alive.end(), index_t{0});
  std::vector<Merge> merges;
  std::vector<index_t> chain;
  while (alive.size() > 1) {
    if (chain.empty()) chain.push_back(alive.front());
    const index_t a = chain.back();
    // The nearest; the one before in the chain wins ties, or the chain would not end.
    index_t b = chain.size() > 1 ? chain[chain.size() - 2] : -1;
    float nearest = b >= 0 ? apart(a, b) : std::numeric_limits<float>::infinity();
    for (const index_t j : alive) {
      if (j == a) continue;
      const float distance = apart(a, j);
      if (distance < nearest || b < 0) {
        nearest = distance;
        b = j;
      }
    }
    if (chain.size() < 2 || b != chain[chain.size() - 2]) {
      chain.push_back(b);
      continue;
    }
    chain.resize(chain.size() - 2);
    merges.push_back({nearest, a, b});
    const index_t kept = std::min(a, b);
    const index_t gone = std::max(a, b);
    const auto weight = static_cast<double>(size[at(kept)]);
    const auto other = static_cast<double>(size[at(gone)]);
    for (const index_t j : alive) {
      if (j == a || j == b) continue;
      float& to = apart(kept, j);
      to = static_cast<float>(
          (weight * static_cast<double>(to) + other * static_cast<double>(apart(gone, j))) /
          (weight + other));
    }
    size[at(kept)] += size[at(gone)];
    alive.erase(std::lower_bound(alive.begin(), alive.end(), gone));
  }
  return merges;
}

}  // namespace

std::vector<index_t> average_linkage(const Rows& rows, index_t count, Executor* executor) {
  const index_t n = rows.size();
  std::vector<index_t> root(at(n));
  std::iota(root.begin(), root.end(), index_t{0});
  const auto find = [&](index_t i) {
    while (root[at(i)] != i)
      i = root[at(i)] = root[at(root[at(i)])];
    return i;
  };
  if (count < n) {
    Distances apart(rows, executor);
    auto merges = tree(apart, n);
    std::stable_sort(merges.begin(), merges.end(),
                     [](const Merge& x, const Merge& y) { return x.height < y.height; });
    merges.resize(at(n - std::max<index_t>(count, 1)));
    for (const Merge& merge : merges) {
      const index_t a = find(merge.a);
      const index_t b = find(merge.b);
      root[at(std::max(a, b))] = std::min(a, b);
    }
  }
  std::vector<index_t> number(at(n), -1);
  std::vector<index_t> out;
  index_t next = 0;
  for (index_t i = 0; i < n; ++i) {
    index_t& its = number[at(find(i))];
    if (its < 0) its = next++;
    out.push_back(its);
  }
  return out;
}

}  // namespace aift::select::detail
