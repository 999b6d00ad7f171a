// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <aift/core/error.hpp>

namespace aift {

double auc(std::span<const double> scores, std::span<const std::uint8_t> positive) {
  AIFT_EXPECT(scores.size() == positive.size(), ShapeError,
              "scores and positive must be of one length; got {} and {}.", scores.size(),
              positive.size());
  const auto n = static_cast<index_t>(scores.size());
  for (index_t i = 0; i < n; ++i) {
    AIFT_EXPECT(std::isfinite(scores[i]), ValueError, "scores must be finite; score {} is {}.", i,
                scores[i]);
  }
  std::vector<index_t> order(scores.size());
  std::iota(order.begin(), order.end(), index_t{0});
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
  });
  // Twice the U statistic, in integers: for each positive two per negative below, one per tie.
  index_t positives = 0;
  index_t negatives = 0;
  index_t twice_u = 0;
  for (index_t begin = 0; begin < n;) {
    index_t end = begin;
    index_t here_positive = 0;
    while (end < n && scores[order[end]] == scores[order[begin]]) {
      here_positive += positive[order[end]] != 0 ? 1 : 0;
      ++end;
    }
    const index_t here_negative = end - begin - here_positive;
    twice_u += here_positive * (2 * negatives + here_negative);
    positives += here_positive;
    negatives += here_negative;
    begin = end;
  }
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(twice_u) /
         (2.0 * static_cast<double>(positives) * static_cast<double>(negatives));
}

Metrics evaluate(std::span<const double> probabilities, std::span<const label_t> labels,
                 index_t classes) {
  AIFT_EXPECT(classes >= 2, ShapeError, "classes must be at least 2; got {}.", classes);
  const auto n = static_cast<index_t>(labels.size());
  AIFT_EXPECT(static_cast<index_t>(probabilities.size()) == n * classes, ShapeError,
              "probabilities must be [{}, {}] for {} labels; got {} values.", n, classes, n,
              probabilities.size());
  Metrics out;
  out.samples = n;
  if (n == 0) return out;

  std::vector<index_t> seen(classes);
  std::vector<index_t> right(classes);
  double loss = 0;
  for (index_t i = 0; i < n; ++i) {
    const label_t label = labels[i];
    AIFT_EXPECT(label >= 0 && label < classes, ValueError,
                "labels must lie in [0, {}); sample {} has {}.", classes, i, label);
    const double* row = probabilities.data() + i * classes;
    index_t best = 0;
    for (index_t k = 0; k < classes; ++k) {
      AIFT_EXPECT(std::isfinite(row[k]), ValueError,
                  "probabilities must be finite; sample {}, class {} is {}.", i, k, row[k]);
      if (row[k] > row[best]) best = k;
    }
    ++seen[label];
    right[label] += best == label ? 1 : 0;
    loss -= std::log(std::clamp(row[label], kLogLossClip, 1.0));
  }
  const auto count = static_cast<double>(n);
  out.log_loss = loss / count;
  out.accuracy =
      static_cast<double>(std::accumulate(right.begin(), right.end(), index_t{0})) / count;
  double recall = 0;
  index_t present = 0;
  for (index_t k = 0; k < classes; ++k) {
    if (seen[k] == 0) continue;
    recall += static_cast<double>(right[k]) / static_cast<double>(seen[k]);
    ++present;
  }
  out.balanced_accuracy = recall / static_cast<double>(present);

  std::vector<double> scores(labels.size());
  std::vector<std::uint8_t> positive(labels.size());
  double sum = 0;
  index_t defined = 0;
  for (index_t k = classes == 2 ? 1 : 0; k < classes; ++k) {
    if (seen[k] == 0 || seen[k] == n) continue;
    for (index_t i = 0; i < n; ++i) {
      scores[i] = probabilities[i * classes + k];
      positive[i] = labels[i] == k ? 1 : 0;
    }
    sum += auc(scores, positive);
    ++defined;
  }
  if (defined > 0) out.auc = sum / static_cast<double>(defined);
  return out;
}

}  // namespace aift
