// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::io::report {

/// Colours, markers and dashes there are; the ninth series looks like the first.
inline constexpr int kStyles = 8;

/// One line of a chart.
struct CurveSeries {
  struct Point {
    double labels = 0;                                       ///< or what else lies across
    double value = 0;                                        ///< not finite: left out
    double low = std::numeric_limits<double>::quiet_NaN();   ///< of the interval; NaN: none
    double high = std::numeric_limits<double>::quiet_NaN();  ///< of the interval; NaN: none
    std::string hint;                                        ///< shown when the pointer rests on it
  };
  std::string name;
  int style = 0;      ///< colour, marker and dash
  bool thin = false;  ///< one of several runs whose mean is drawn as well
  std::vector<Point> points;
};

/// Where the labels lie on their axis.
enum class LabelAxis { linear, log2 };

/// What a chart says of itself.
struct ChartText {
  std::string value_name;   ///< beside the vertical axis
  std::string alternative;  ///< in the place of the picture, for a screen reader
  double y_limit = 1;       ///< no value can be above; infinity: no limit
  std::string across_name = "images labelled";  ///< below the horizontal axis
  double least = 1;  ///< where an axis of doublings begins at the earliest
};

/// Inline SVG of value over labels, or what else lies across: axes with round ticks, grid lines, bands of
/// intervals, markers with titles. Colours come from the CSS classes s0 ... s7. Empty when there is no
/// finite point.
[[nodiscard]] std::string learning_curve_svg(std::span<const CurveSeries> series, LabelAxis axis,
                                             const ChartText& text);

/// The line and marker of a style, to stand before its name in a legend.
[[nodiscard]] std::string legend_svg(int style);

/// At most about `count` round numbers that cover [low, high]: steps of 1, 2 or 5 times a
/// power of 10.
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int count);

}  // namespace aift::io::report
