// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/bootstrap.hpp>

#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include <aift/core/error.hpp>

namespace aift {

double grouped_bootstrap_error(
    std::span<const index_t> groups, const KeyedRandom& random, index_t replicates,
    const std::function<double(std::span<const index_t> samples)>& statistic) {
  AIFT_EXPECT(replicates >= 0, ValueError,
              "The number of bootstrap replicates must not be negative; got {}.", replicates);
  std::map<index_t, std::vector<index_t>> by_group;
  for (std::size_t i = 0; i < groups.size(); ++i)
    by_group[groups[i]].push_back(static_cast<index_t>(i));
  std::vector<const std::vector<index_t>*> members;
  for (const auto& [group, samples] : by_group)
    members.push_back(&samples);

  index_t drawn = 0;
  std::vector<double> values;
  std::vector<index_t> samples;
  for (index_t replicate = 0; replicate < replicates; ++replicate) {
    samples.clear();
    for (std::size_t g = 0; g < members.size(); ++g) {
      const auto chosen = random.below(drawn++, static_cast<index_t>(members.size()));
      const std::vector<index_t>& group = *members[static_cast<std::size_t>(chosen)];
      samples.insert(samples.end(), group.begin(), group.end());
    }
    const double value = statistic(samples);
    if (std::isfinite(value)) values.push_back(value);
  }
  if (values.size() < 2) return 0;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values)
    squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (n - 1));
}

}  // namespace aift
