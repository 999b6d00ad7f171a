// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_chart.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "src/io/report_html.hpp"

namespace aift::io::report {
namespace {

constexpr int kStyles = 6;
constexpr double kWidth = 860, kHeight = 360;
constexpr double kTop = 18, kBottom = 50, kLeft = 58;

struct Frame {
  double x_high = 1, y_low = 0, y_high = 1, right = 20;
  [[nodiscard]] double x(double labels) const {
    return kLeft + labels / x_high * (kWidth - kLeft - right);
  }
  [[nodiscard]] double y(double value) const {
    return kTop + (y_high - value) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

/// Distinct shapes, so that lines differ without their colours.
std::string marker(int style, double x, double y, double r) {
  switch (style % kStyles) {
    case 1:
      return fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>", x - r,
                         y - r, 2 * r, 2 * r);
    case 2:
      return fmt::format("<path d='M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z'/>", x, y - 1.25 * r,
                         1.25 * r, 2.2 * r, -2.5 * r);
    case 3:
      return fmt::format("<path d='M{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}l{:.1f} {:.1f}z'/>", x,
                         y - 1.4 * r, 1.4 * r, 1.4 * r, -1.4 * r, 1.4 * r, -1.4 * r, -1.4 * r);
    case 4:
      return fmt::format("<path d='M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z'/>", x, y + 1.25 * r,
                         1.25 * r, -2.2 * r, -2.5 * r);
    case 5:
      return fmt::format("<circle class='ring' cx='{:.1f}' cy='{:.1f}' r='{:.1f}'/>", x, y, r);
    default:
      return fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{:.1f}'/>", x, y, r);
  }
}

/// Moves labels apart that would cover each other; keeps their order and the frame.
void spread(std::vector<std::pair<double, std::size_t>>& places, double gap) {
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) {
    places[i].first = std::max(places[i].first, places[i - 1].first + gap);
  }
  double limit = kHeight - kBottom;
  for (std::size_t i = places.size(); i-- > 0;) {
    places[i].first = std::min(places[i].first, limit);
    limit = places[i].first - gap;
  }
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double raw = (high - low) / std::max(1, count);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9) + 0.0;  // never -0
  for (double i = first; i * step <= high + 1e-9 * step; ++i)
    ticks.push_back(i * step);
  return ticks;
}

std::string learning_curve_svg(std::span<const CurveSeries> series, const std::string& value_name,
                               const std::string& alternative) {
  double low = 1e300, high = -1e300, most = 0;
  std::size_t longest_name = 0;
  for (const CurveSeries& line : series) {
    for (const auto& point : line.points) {
      if (!std::isfinite(point.value)) continue;
      low = std::min(low, point.value);
      high = std::max(high, point.value);
      most = std::max(most, point.labels);
    }
    if (!line.thin) longest_name = std::max(longest_name, line.name.size());
  }
  if (low > high) return {};

  Frame frame;
  const bool named = series.size() > 1;
  frame.right = named ? std::min(260.0, 28 + 7.2 * static_cast<double>(longest_name)) : 24;
  frame.x_high = most > 0 ? most * 1.02 : 1;
  frame.y_low = std::floor(low * 20 - 1e-9) / 20;
  frame.y_high = std::ceil(high * 20 + 1e-9) / 20;
  if (frame.y_high - frame.y_low < 0.1) frame.y_low = frame.y_high - 0.1;
  frame.y_low = std::max(0.0, frame.y_low);
  frame.y_high = std::min(1.0, frame.y_high);

  std::string out;
  auto put = std::back_inserter(out);
  fmt::format_to(put, "<svg class='curve' viewBox='0 0 {:.0f} {:.0f}' role='img' aria-label='{}'>",
                 kWidth, kHeight, escape(alternative));
  const double x_end = kWidth - frame.right, y_end = kHeight - kBottom;
  out += "<g class='grid'>";
  for (const double tick : round_ticks(frame.y_low, frame.y_high, 6)) {
    fmt::format_to(
        put,
        "<path d='M{:.1f} {:.1f}H{:.1f}'/><text x='{:.1f}' y='{:.1f}' class='yt'>{:.2f}</text>",
        kLeft, frame.y(tick), x_end, kLeft - 9, frame.y(tick) + 4.5, tick);
  }
  for (const double tick : round_ticks(0, most > 0 ? most : 1, 8)) {
    if (tick != std::floor(tick)) continue;
    fmt::format_to(put,
                   "<path d='M{0:.1f} {1:.1f}v5' class='tick'/><text x='{0:.1f}' y='{2:.1f}' "
                   "class='xt'>{3:.0f}</text>",
                   frame.x(tick), y_end, y_end + 20, tick);
  }
  fmt::format_to(put,
                 "<path d='M{:.1f} {:.1f}H{:.1f}' class='axis'/>"
                 "<text x='{:.1f}' y='{:.1f}' class='xt name'>images labelled</text>"
                 "<text transform='translate(15 {:.1f}) rotate(-90)' class='xt name'>{}</text></g>",
                 kLeft, y_end, x_end, (kLeft + x_end) / 2, kHeight - 10, (kTop + y_end) / 2,
                 escape(value_name));

  std::vector<std::pair<double, std::size_t>> ends;
  for (std::size_t s = 0; s < series.size(); ++s) {
    const CurveSeries& line = series[s];
    std::string path, markers;
    double last_y = 0;
    for (const auto& point : line.points) {
      if (!std::isfinite(point.value)) continue;
      const double x = frame.x(point.labels), y = frame.y(point.value);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x, y);
      // the transparent circle is a target that is easy to hit
      markers += fmt::format(
          "<g><title>{}</title><circle class='hit' cx='{:.1f}' cy='{:.1f}' r='11'/>{}</g>",
          escape(point.hint), x, y, marker(line.style, x, y, line.thin ? 2.2 : 4.2));
      last_y = y;
    }
    if (path.empty()) continue;
    fmt::format_to(put, "<g class='s{}{}'><path class='line' d='{}'/>{}</g>", line.style % kStyles,
                   line.thin ? " thin" : "", path, markers);
    if (named && !line.thin) ends.emplace_back(last_y, s);
  }
  spread(ends, 18);
  for (const auto& [y, s] : ends) {
    fmt::format_to(put, "<g class='s{}'>{}<text class='end' x='{:.1f}' y='{:.1f}'>{}</text></g>",
                   series[s].style % kStyles, marker(series[s].style, x_end + 12, y, 3.6),
                   x_end + 21, y + 4.5, escape(series[s].name));
  }
  out += "</svg>";
  return out;
}

}  // namespace aift::io::report
