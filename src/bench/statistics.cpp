// SPDX-License-Identifier: Apache-2.0
#include "src/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace aift::bench::detail {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

double tail(double t, index_t freedom) {
  // x = sqrt(n) tan(u) turns the density into c cos(u)^(n-1) on [theta, pi/2).
  const double n = static_cast<double>(freedom);
  const double theta = std::atan(t / std::sqrt(n));
  const double log_c =
      std::lgamma((n + 1) / 2) - std::lgamma(n / 2) - 0.5 * std::log(std::numbers::pi);
  const double width = std::numbers::pi / 2 - theta;
  constexpr int kSteps = 2000;  // Simpson
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double u = width * i / kSteps;  // from pi/2 downwards: cos(pi/2 - u) = sin(u)
    const double weight = i == 0 || i == kSteps ? 1 : (i % 2 == 1 ? 4 : 2);
    const double s = std::sin(u);
    sum += weight * (freedom == 1 ? 1.0 : std::pow(s, n - 1));
  }
  return 2 * std::exp(log_c) * sum * width / kSteps / 3;
}

}  // namespace

double student_p(double t, index_t freedom) {
  if (std::isnan(t)) return kNan;
  if (std::isinf(t)) return 0;
  return std::clamp(tail(std::fabs(t), freedom), 0.0, 1.0);
}

MeanInterval mean_interval(std::span<const double> values) {
  const io::report::Estimate found = io::report::estimate(values);
  return {found.mean, found.half, found.count};
}

double paired_p(std::span<const double> differences) {
  double sum = 0;
  index_t count = 0;
  for (const double d : differences) {
    if (!std::isfinite(d)) continue;
    sum += d;
    ++count;
  }
  if (count < 2) return kNan;
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  double squares = 0;
  for (const double d : differences) {
    if (std::isfinite(d)) squares += (d - mean) * (d - mean);
  }
  const double error = std::sqrt(squares / (n - 1) / n);
  if (error == 0) return mean == 0 ? 1 : 0;
  return student_p(mean / error, count - 1);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!std::isnan(p[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> out(p.size(), kNan);
  double most = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, static_cast<double>(order.size() - i) * p[order[i]]));
    out[order[i]] = most;
  }
  return out;
}

double mean_height(std::span<const double> x, std::span<const double> y) {
  if (x.size() < 2 || !(x.back() > x.front())) return kNan;
  double area = 0;
  for (std::size_t i = 1; i < x.size(); ++i)
    area += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2;
  return area / (x.back() - x.front());
}

double first_reach(std::span<const double> x, std::span<const double> y, double target) {
  if (std::isnan(target)) return kNan;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(y[i] >= target)) continue;
    if (i == 0) return x[0];
    return x[i - 1] + (x[i] - x[i - 1]) * (target - y[i - 1]) / (y[i] - y[i - 1]);
  }
  return kInfinite;
}

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return kNan;
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> ranks(std::span<const double> values) {
  std::vector<double> out(values.size(), kNan);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    double rank = 0.5;
    for (const double other : values)
      rank += other > values[i] ? 1.0 : (other == values[i] ? 0.5 : 0.0);
    out[i] = rank;
  }
  return out;
}

}  // namespace aift::bench::detail
