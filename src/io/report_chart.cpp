// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_chart.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "src/io/report_html.hpp"

namespace aift::io::report {
namespace {

constexpr double kWidth = 760, kHeight = 380;
constexpr double kTop = 16, kBottom = 62, kLeft = 78, kRight = 22;

/// Patterns of the lines, so that they differ without their colours.
constexpr std::string_view kDashes[kStyles] = {"",    "9 5", "3 4",  "12 4 3 4",
                                               "6 3", "2 3", "14 6", "9 3 3 3"};

struct Frame {
  LabelAxis axis = LabelAxis::linear;
  double least = 1;
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;  // x in the units of the axis
  [[nodiscard]] double place(double labels) const {
    return axis == LabelAxis::log2 ? std::log2(std::max(least, labels)) : labels;
  }
  [[nodiscard]] double x(double labels) const {
    return kLeft + (place(labels) - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double value) const {
    const double inside = std::clamp(value, y_low, y_high);
    return kTop + (y_high - inside) / (y_high - y_low) * (kHeight - kTop - kBottom);
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
    case 6:
      return fmt::format(
          "<path class='ring' d='M{0:.1f} {1:.1f}l{2:.1f} {2:.1f}m0 -{2:.1f}l-{2:.1f} {2:.1f}'/>",
          x - r, y - r, 2 * r);
    case 7:
      return fmt::format(
          "<rect class='ring' x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>", x - r, y - r,
          2 * r, 2 * r);
    default:
      return fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{:.1f}'/>", x, y, r);
  }
}

/// The line without its ends, in the dash of its style.
std::string dash(int style) {
  const std::string_view pattern = kDashes[style % kStyles];
  return pattern.empty() ? std::string() : fmt::format(" stroke-dasharray='{}'", pattern);
}

Frame frame_of(std::span<const CurveSeries> series, LabelAxis axis, const ChartText& text) {
  Frame frame;
  frame.axis = axis;
  frame.least = text.least;
  double low = 1e300, high = -1e300, least = 1e300, most = 0;
  for (const CurveSeries& line : series) {
    for (const auto& point : line.points) {
      if (!std::isfinite(point.value)) continue;
      low = std::min(low, std::isfinite(point.low) ? point.low : point.value);
      high = std::max(high, std::isfinite(point.high) ? point.high : point.value);
      least = std::min(least, point.labels);
      most = std::max(most, point.labels);
    }
  }
  if (low > high) {
    frame.y_high = -1;  // nothing to show
    return frame;
  }
  if (axis == LabelAxis::log2) {
    frame.x_low = std::floor(frame.place(least));
    frame.x_high = std::max(frame.x_low + 1, frame.place(most) + 0.08);
  } else {
    frame.x_high = most > 0 ? most * 1.02 : 1;
  }
  frame.y_low = std::max(0.0, std::floor(low * 20 - 1e-9) / 20);
  frame.y_high = std::min(text.y_limit, std::ceil(high * 20 + 1e-9) / 20);
  if (frame.y_high - frame.y_low < 0.1) frame.y_low = std::max(0.0, frame.y_high - 0.1);
  if (frame.y_high <= frame.y_low) frame.y_high = frame.y_low + 0.1;
  return frame;
}

/// Grid, ticks and names of the axes.
void draw_axes(std::string& out, const Frame& frame, const ChartText& text) {
  auto put = std::back_inserter(out);
  const double x_end = kWidth - kRight, y_end = kHeight - kBottom;
  out += "<g class='grid'>";
  for (const double tick : round_ticks(frame.y_low, frame.y_high, 5)) {
    fmt::format_to(
        put,
        "<path d='M{:.1f} {:.1f}H{:.1f}'/><text x='{:.1f}' y='{:.1f}' class='yt'>{:.2f}</text>",
        kLeft, frame.y(tick), x_end, kLeft - 9, frame.y(tick) + 5, tick);
  }
  std::vector<double> ticks;
  if (frame.axis == LabelAxis::log2) {
    for (double power = frame.x_low; power <= frame.x_high; ++power)
      ticks.push_back(std::exp2(power));
  } else {
    ticks = round_ticks(0, frame.x_high, 6);
  }
  for (const double tick : ticks) {
    if (frame.axis == LabelAxis::linear && tick != std::floor(tick)) continue;
    fmt::format_to(put,
                   "<path d='M{0:.1f} {1:.1f}v6' class='tick'/><text x='{0:.1f}' y='{2:.1f}' "
                   "class='xt'>{3}{4:.0f}</text>",
                   frame.x(tick), y_end, y_end + 25, tick > 0 && tick < 1 ? "1/" : "",
                   tick > 0 && tick < 1 ? 1 / tick : tick);
  }
  fmt::format_to(
      put,
      "<path d='M{:.1f} {:.1f}H{:.1f}' class='axis'/>"
      "<text x='{:.1f}' y='{:.1f}' class='xt name'>{}{}</text>"
      "<text transform='translate(20 {:.1f}) rotate(-90)' class='xt name value'>{}</text></g>",
      kLeft, y_end, x_end, (kLeft + x_end) / 2, kHeight - 8, escape(text.across_name),
      frame.axis == LabelAxis::log2 ? ", each step doubles" : "", (kTop + y_end) / 2,
      escape(text.value_name));
}

/// The band of the intervals, where there are any.
std::string band(const Frame& frame, const CurveSeries& line) {
  std::string upper, lower;
  for (const auto& point : line.points) {
    if (!std::isfinite(point.value) || !std::isfinite(point.low) || !std::isfinite(point.high)) {
      continue;
    }
    const double x = frame.x(point.labels);
    upper += fmt::format("{}{:.1f} {:.1f}", upper.empty() ? 'M' : 'L', x, frame.y(point.high));
    lower = fmt::format("L{:.1f} {:.1f}", x, frame.y(point.low)) + lower;
  }
  return upper.empty() ? std::string()
                       : fmt::format("<path class='band' d='{}{}z'/>", upper, lower);
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

std::string legend_svg(int style) {
  return fmt::format(
      "<svg class='key' viewBox='0 0 44 16' aria-hidden='true'><g class='s{}'><path class='line' "
      "d='M2 8H42'{}/>{}</g></svg>",
      style % kStyles, dash(style), marker(style, 22, 8, 4.2));
}

std::string learning_curve_svg(std::span<const CurveSeries> series, LabelAxis axis,
                               const ChartText& text) {
  const Frame frame = frame_of(series, axis, text);
  if (frame.y_high < frame.y_low) return {};
  std::string out;
  auto put = std::back_inserter(out);
  fmt::format_to(put, "<svg class='curve' viewBox='0 0 {:.0f} {:.0f}' role='img' aria-label='{}'>",
                 kWidth, kHeight, escape(text.alternative));
  draw_axes(out, frame, text);
  for (const CurveSeries& line : series) {
    std::string path, markers;
    for (const auto& point : line.points) {
      if (!std::isfinite(point.value)) continue;
      const double x = frame.x(point.labels), y = frame.y(point.value);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', x, y);
      // the transparent circle is a target that is easy to hit
      markers += fmt::format(
          "<g><title>{}</title><circle class='hit' cx='{:.1f}' cy='{:.1f}' r='11'/>{}</g>",
          escape(point.hint), x, y, marker(line.style, x, y, line.thin ? 2.2 : 4.4));
    }
    if (path.empty()) continue;
    fmt::format_to(put, "<g class='s{}{}'>{}<path class='line' d='{}'{}/>{}</g>",
                   line.style % kStyles, line.thin ? " thin" : "", band(frame, line), path,
                   dash(line.style), markers);
  }
  out += "</svg>";
  return out;
}

}  // namespace aift::io::report
