// SPDX-License-Identifier: Apache-2.0
#include "pick_predictions.hpp"

#include <algorithm>
#include <numeric>

namespace aift {

void keep_predictions(Pick& pick, std::span<const double> probabilities, index_t classes) {
  const auto k = static_cast<std::size_t>(classes);
  const std::size_t patches = probabilities.size() / k;
  std::vector<double> mean(k);
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    mean[i % k] += probabilities[i] / static_cast<double>(patches);
  std::vector<label_t> order(k);
  std::iota(order.begin(), order.end(), label_t{0});
  const auto kept = static_cast<std::ptrdiff_t>(std::min<std::size_t>(k, kTopClasses));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(), [&](label_t a, label_t b) {
    const double left = mean[static_cast<std::size_t>(a)];
    const double right = mean[static_cast<std::size_t>(b)];
    return left != right ? left > right : a < b;
  });
  pick.top.clear();
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const label_t label = order[static_cast<std::size_t>(i)];
    pick.top.emplace_back(label, static_cast<float>(mean[static_cast<std::size_t>(label)]));
  }
  if (pick.dominant < 0 || pick.dominant >= classes) pick.dominant = order.front();
  pick.probabilities.clear();
  for (std::size_t j = 0; j < patches; ++j)
    pick.probabilities.push_back(
        static_cast<float>(probabilities[j * k + static_cast<std::size_t>(pick.dominant)]));
}

}  // namespace aift
