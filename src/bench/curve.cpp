// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include <aift/bench/run.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/score/scores.hpp>

namespace aift::bench {

namespace {

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What classifies: a probe, or the class frequencies of labels that are all of one class.
struct Classifier {
  std::optional<LinearProbe> probe;
  std::vector<double> frequency;  // its logarithms

  /// Logits of every view, [n q, K].
  [[nodiscard]] std::vector<double> logits(const Candidates& side, index_t classes) const {
    const index_t rows = side.size() * side.views;
    std::vector<double> out(at(rows * classes));
    if (probe) {
      probe->logits(side.features, rows, out);
      return out;
    }
    for (index_t r = 0; r < rows; ++r)
      std::copy(frequency.begin(), frequency.end(), out.begin() + r * classes);
    return out;
  }
};

Classifier fit(const TaskData& data, const std::vector<index_t>& labelled, const Protocol& protocol,
               std::uint64_t seed, index_t round) {
  const Candidates& pool = data.pool;
  const index_t width = pool.views * pool.feature_size;
  std::vector<index_t> order = labelled;  // the order of the picks changes no bit of the fit
  std::sort(order.begin(), order.end());
  std::vector<float> features;
  std::vector<label_t> labels;
  std::vector<index_t> groups;
  features.reserve(order.size() * at(width));
  for (const index_t i : order) {
    const auto row = pool.features.begin() + i * width;
    features.insert(features.end(), row, row + width);
    labels.insert(labels.end(), at(pool.views), pool.labels[at(i)]);
    groups.insert(groups.end(), at(pool.views), pool.groups[at(i)]);
  }
  Classifier out;
  const bool several = std::any_of(labels.begin(), labels.end(),
                                   [&](label_t label) { return label != labels.front(); });
  if (several) {
    const ProbeData probe_data{.features = features,
                               .feature_size = pool.feature_size,
                               .labels = labels,
                               .groups = groups,
                               .classes = data.classes(),
                               .views = pool.views};
    out.probe = fit_linear_probe(probe_data, protocol.probe, seed, round);
    return out;
  }
  out.frequency.assign(at(data.classes()), 0.0);
  const auto all = static_cast<double>(static_cast<index_t>(order.size()) + data.classes());
  for (std::size_t k = 0; k < out.frequency.size(); ++k) {
    const bool its = !labels.empty() && at(labels.front()) == k;
    out.frequency[k] = std::log((its ? static_cast<double>(order.size()) + 1 : 1) / all);
  }
  return out;
}

/// Mean over the views of the softmax, [n, K].
std::vector<double> mean_probabilities(const std::vector<double>& logits, index_t n, index_t views,
                                       index_t classes) {
  std::vector<double> out(at(n * classes), 0.0);
  std::vector<double> row(at(classes));
  for (index_t i = 0; i < n; ++i) {
    for (index_t v = 0; v < views; ++v) {
      const double* z = logits.data() + (i * views + v) * classes;
      const double largest = *std::max_element(z, z + classes);
      double sum = 0;
      for (index_t k = 0; k < classes; ++k)
        sum += row[at(k)] = std::exp(z[k] - largest);
      for (index_t k = 0; k < classes; ++k)
        out[at(i * classes + k)] += row[at(k)] / sum / static_cast<double>(views);
    }
  }
  return out;
}

Metrics judge(const Classifier& classifier, const TaskData& data) {
  const auto logits = classifier.logits(data.test, data.classes());
  return evaluate(mean_probabilities(logits, data.test.size(), data.test.views, data.classes()),
                  data.test.labels, data.classes());
}

std::vector<index_t> first_batch(const TaskData& data, const Protocol& protocol,
                                 std::uint64_t seed) {
  const Candidates& pool = data.pool;
  std::vector<index_t> order(at(pool.size()));
  std::iota(order.begin(), order.end(), index_t{0});
  const auto key = [&](index_t i) {
    return KeyedRandom(seed, Purpose::first_batch, 0, pool.ids[at(i)]).bits(0);
  };
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) { return key(a) < key(b); });
  const index_t count = std::min(protocol.initial, pool.size());
  if (protocol.first == "stratified") {  // the n-th of every class before the n + 1-th of any
    std::vector<index_t> seen(at(data.classes()), 0);
    std::vector<std::pair<index_t, index_t>> turns;
    for (const index_t i : order)
      turns.emplace_back(seen[at(pool.labels[at(i)])]++, i);
    std::stable_sort(turns.begin(), turns.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t p = 0; p < turns.size(); ++p)
      order[p] = turns[p].second;
  }
  order.resize(at(count));
  return order;
}

/// Mean over the batch of the cosine between a pick and the most similar other one.
double redundancy(const Candidates& pool, const std::vector<index_t>& batch) {
  if (batch.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const index_t d = pool.feature_size;
  const auto dot = [&](index_t i, index_t j) {
    const float* a = pool.mean_features.data() + i * d;
    const float* b = pool.mean_features.data() + j * d;
    double sum = 0;
    for (index_t f = 0; f < d; ++f)
      sum += static_cast<double>(a[f]) * static_cast<double>(b[f]);
    return sum;
  };
  std::vector<double> length;
  for (const index_t i : batch)
    length.push_back(std::sqrt(dot(i, i)));
  std::vector<double> nearest(batch.size(), -1.0);
  for (std::size_t a = 0; a < batch.size(); ++a) {
    for (std::size_t b = a + 1; b < batch.size(); ++b) {
      const double lengths = length[a] * length[b];
      const double cosine = lengths > 0 ? dot(batch[a], batch[b]) / lengths : 0;
      nearest[a] = std::max(nearest[a], cosine);
      nearest[b] = std::max(nearest[b], cosine);
    }
  }
  return std::accumulate(nearest.begin(), nearest.end(), 0.0) / static_cast<double>(batch.size());
}

void describe(const TaskData& data, const std::vector<index_t>& batch, CurvePoint& point) {
  point.picks = batch;
  point.batch_classes.assign(at(data.classes()), 0);
  for (const index_t i : batch) {
    ++point.batch_classes[at(data.pool.truth[at(i)])];
    const unsigned flags = data.pool.flags[at(i)];
    point.mislabelled += (flags & kMislabelled) != 0 ? 1 : 0;
    point.duplicates += (flags & kDuplicate) != 0 ? 1 : 0;
    point.ambiguous += (flags & kAmbiguous) != 0 ? 1 : 0;
  }
}

}  // namespace

std::vector<CurvePoint> run_curve(const TaskData& data, const Protocol& protocol,
                                  const SelectorSpec& spec, const Selector& selector,
                                  std::string_view task, std::uint64_t seed,
                                  const Progress& progress, MemoryMeter* meter) {
  const Candidates& pool = data.pool;
  const index_t classes = data.classes();
  std::vector<CurvePoint> curve;
  std::vector<index_t> labelled;
  std::vector<label_t> known(at(pool.size()), kUnlabelled);
  std::vector<index_t> batch = first_batch(data, protocol, seed);
  double seconds_select = 0;
  index_t bytes_select = -1;
  for (index_t round = 0;; ++round) {
    throw_if_cancelled(progress);
    for (const index_t i : batch) {
      known[at(i)] = pool.labels[at(i)];
      labelled.push_back(i);
    }
    CurvePoint point;
    point.task = task;
    point.selector = spec.label;
    point.seed = seed;
    point.round = round;
    point.labels = static_cast<index_t>(labelled.size());
    point.seconds_select = seconds_select;
    point.bytes_select = bytes_select;
    describe(data, batch, point);
    point.redundancy = redundancy(data.pool, batch);
    const auto begin = Clock::now();
    const Classifier classifier = fit(data, labelled, protocol, seed, round);
    point.seconds_fit = seconds_since(begin);
    point.metrics = judge(classifier, data);
    curve.push_back(std::move(point));
    if (round == protocol.rounds || labelled.size() == pool.labels.size()) return curve;

    const auto logits = classifier.logits(pool, classes);
    const auto predictions = PatchPredictions::dense(logits.data(), pool.size(), pool.views,
                                                     classes, PredictionKind::logits);
    const auto means = mean_probabilities(logits, pool.size(), pool.views, classes);
    PoolView view;
    view.size = pool.size();
    view.classes = classes;
    view.predictions = &predictions;
    view.mean_probabilities = means;
    view.features = pool.mean_features;
    view.feature_size = pool.feature_size;
    view.labels = known;
    view.groups = pool.groups;
    view.ids = pool.ids;
    if (meter != nullptr) meter->start();
    const auto asked = Clock::now();
    const Selection picked = select_batch(selector, spec.rules, view, protocol.budget,
                                          {.seed = seed, .round = round, .executor = nullptr});
    seconds_select = seconds_since(asked);
    if (meter != nullptr) bytes_select = meter->stop();
    if (picked.indices.empty()) return curve;  // the batch rules admit nobody any more
    batch = picked.indices;
  }
}

std::vector<CurvePoint> run_all_labels(const TaskData& data, const Protocol& protocol,
                                       std::string_view task, std::uint64_t seed) {
  std::vector<index_t> everybody(at(data.pool.size()));
  std::iota(everybody.begin(), everybody.end(), index_t{0});
  CurvePoint point;
  point.task = task;
  point.selector = kAllLabels;
  point.seed = seed;
  point.labels = data.pool.size();
  describe(data, everybody, point);
  point.picks.clear();
  point.redundancy = std::numeric_limits<double>::quiet_NaN();
  const auto begin = Clock::now();
  const Classifier classifier = fit(data, everybody, protocol, seed, 0);
  point.seconds_fit = seconds_since(begin);
  point.metrics = judge(classifier, data);
  return {point};
}

}  // namespace aift::bench
