// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/splits.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

namespace aift {
namespace {

/// A group and how many samples of each class it has; the last column is "unlabelled".
struct Group {
  std::vector<index_t> counts;
  index_t size = 0;
  index_t part = 0;  ///< where it was put
};

struct Grouping {
  std::vector<Group> groups;        ///< in ascending order of the group's number
  std::vector<index_t> members;     ///< [n] index into groups
  std::vector<std::uint64_t> draw;  ///< one random number per group
};

Grouping group_samples(std::span<const index_t> groups, std::span<const label_t> labels,
                       index_t classes, const KeyedRandom& random) {
  AIFT_EXPECT(groups.size() == labels.size(), ShapeError,
              "groups and labels must be of one length; got {} and {}.", groups.size(),
              labels.size());
  AIFT_EXPECT(classes >= 1, ShapeError, "classes must be at least 1; got {}.", classes);
  std::map<index_t, index_t> numbers;
  for (const index_t group : groups)
    numbers.emplace(group, 0);
  Grouping out;
  out.groups.resize(numbers.size());
  index_t next = 0;
  for (auto& [group, number] : numbers) {
    number = next++;
    out.groups[number].counts.resize(classes + 1);
    out.draw.push_back(random.bits(group));
  }
  out.members.reserve(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const label_t label = labels[i];
    AIFT_EXPECT(label >= kUnlabelled && label < classes, ValueError,
                "labels must lie in [0, {}), or be {} for none; sample {} has {}.", classes,
                kUnlabelled, i, label);
    const index_t number = numbers.find(groups[i])->second;
    Group& group = out.groups[number];
    ++group.counts[label == kUnlabelled ? classes : label];
    ++group.size;
    out.members.push_back(number);
  }
  return out;
}

/// Puts every group into one of the parts, whose shares sum to one; see the header for the rule.
void distribute(Grouping& grouping, const std::vector<double>& shares) {
  std::vector<Group>& groups = grouping.groups;
  if (groups.empty()) return;
  const auto columns = static_cast<index_t>(groups.front().counts.size());
  const auto parts = static_cast<index_t>(shares.size());

  std::vector<double> total(columns, 0.0);
  for (const Group& group : groups) {
    for (index_t c = 0; c < columns; ++c)
      total[c] += static_cast<double>(group.counts[c]);
  }

  std::vector<index_t> order(groups.size());
  std::iota(order.begin(), order.end(), index_t{0});
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    const auto key = [&](index_t g) {
      return std::tuple(-std::bit_width(static_cast<std::uint64_t>(groups[g].size)),
                        grouping.draw[g], g);
    };
    return key(a) < key(b);
  });

  std::vector<double> load(parts * columns, 0.0);
  std::vector<double> samples(parts, 0.0);
  for (const index_t g : order) {
    index_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    double emptiest = least;
    for (index_t p = 0; p < parts; ++p) {
      double added = 0;
      for (index_t c = 0; c < columns; ++c) {
        if (groups[g].counts[c] == 0) continue;
        const auto count = static_cast<double>(groups[g].counts[c]);
        added += count * (2 * load[p * columns + c] + count) / (total[c] * total[c] * shares[p]);
      }
      const double filled = samples[p] / shares[p];
      if (added < least || (added == least && filled < emptiest)) {
        best = p;
        least = added;
        emptiest = filled;
      }
    }
    groups[g].part = best;
    for (index_t c = 0; c < columns; ++c) {
      load[best * columns + c] += static_cast<double>(groups[g].counts[c]);
    }
    samples[best] += static_cast<double>(groups[g].size);
  }
}

/// Number of different parts that hold a class.
index_t parts_with(const std::vector<Group>& groups, index_t c) {
  index_t first = -1;
  for (const Group& group : groups) {
    if (group.counts[c] == 0) continue;
    if (first >= 0 && group.part != first) return 2;  // two or more
    first = group.part;
  }
  return first < 0 ? 0 : 1;
}

index_t classes_in_one_part(const std::vector<Group>& groups, index_t classes) {
  index_t count = 0;
  for (index_t c = 0; c < classes; ++c)
    count += parts_with(groups, c) == 1 ? 1 : 0;
  return count;
}

/// Moves single groups, smallest first, as long as that leaves fewer classes in one part only.
void spread_classes(std::vector<Group>& groups, index_t classes, index_t parts) {
  std::vector<index_t> order(groups.size());
  std::iota(order.begin(), order.end(), index_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](index_t a, index_t b) { return groups[a].size < groups[b].size; });
  index_t lacking = classes_in_one_part(groups, classes);
  bool moved = true;
  while (lacking > 0 && moved) {
    moved = false;
    for (index_t c = 0; c < classes && !moved; ++c) {
      if (parts_with(groups, c) != 1) continue;
      for (std::size_t k = 0; k < order.size() && !moved; ++k) {
        Group& group = groups[order[k]];
        if (group.counts[c] == 0) continue;
        const index_t from = group.part;
        for (index_t p = 0; p < parts && !moved; ++p) {
          if (p == from) continue;
          group.part = p;
          const index_t now = classes_in_one_part(groups, classes);
          if (now < lacking) {
            lacking = now;
            moved = true;
          } else {
            group.part = from;
          }
        }
      }
    }
  }
}

}  // namespace

std::vector<index_t> grouped_folds(std::span<const index_t> groups, std::span<const label_t> labels,
                                   index_t classes, index_t folds, std::uint64_t seed,
                                   index_t round) {
  AIFT_EXPECT(folds >= 2, ValueError, "folds must be at least 2; got {}.", folds);
  Grouping grouping =
      group_samples(groups, labels, classes, KeyedRandom(seed, Purpose::folds, round));
  const index_t parts = std::min(folds, static_cast<index_t>(grouping.groups.size()));
  if (parts > 0) {
    distribute(grouping, std::vector<double>(parts, 1.0 / static_cast<double>(parts)));
    spread_classes(grouping.groups, classes, parts);
  }
  std::vector<index_t> out(groups.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = grouping.groups[grouping.members[i]].part;
  }
  return out;
}

std::vector<std::uint8_t> grouped_test_split(std::span<const index_t> groups,
                                             std::span<const label_t> labels, index_t classes,
                                             double test_share, std::uint64_t seed) {
  AIFT_EXPECT(test_share > 0 && test_share < 1, ValueError,
              "The test share must lie strictly between 0 and 1; got {}.", test_share);
  Grouping grouping = group_samples(groups, labels, classes, KeyedRandom(seed, Purpose::split));
  AIFT_EXPECT(grouping.groups.size() >= 2, ValueError,
              "A split needs samples of at least 2 groups, since a group is never split; got {}.",
              grouping.groups.size());
  for (index_t c = 0; c < classes; ++c) {
    index_t holding = 0;
    for (const Group& group : grouping.groups)
      holding += group.counts[c] > 0 ? 1 : 0;
    AIFT_EXPECT(holding != 1, ValueError,
                "Every class must lie in at least 2 groups to be in both pool and test; class {} "
                "lies in 1, so add samples from another group or give the split yourself.",
                c);
  }
  distribute(grouping, {1 - test_share, test_share});
  spread_classes(grouping.groups, classes, 2);
  for (index_t c = 0; c < classes; ++c) {
    AIFT_EXPECT(parts_with(grouping.groups, c) != 1, ValueError,
                "No split was found with every class in both pool and test; class {} stays on one "
                "side, so give the split yourself.",
                c);
  }
  std::vector<std::uint8_t> out(groups.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = grouping.groups[grouping.members[i]].part == 1 ? 1 : 0;
  }
  return out;
}

}  // namespace aift
