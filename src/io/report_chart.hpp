// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::io::report {

/// One line of a learning curve.
struct CurveSeries {
  struct Point {
    double labels = 0;
    double value = 0;  ///< not finite: left out
    std::string hint;  ///< shown when the pointer rests on it
  };
  std::string name;
  int style = 0;      ///< colour and marker; series that belong together share it
  bool thin = false;  ///< one of several runs whose mean is drawn as well
  std::vector<Point> points;
};

/// Inline SVG of value over labels: axes with round ticks, grid lines, markers with titles, names
/// at the ends of the lines. Colours come from the CSS classes s0 ... s5 of the report. The picture
/// has the given text as its alternative. Empty when there is no finite point.
[[nodiscard]] std::string learning_curve_svg(std::span<const CurveSeries> series,
                                             const std::string& value_name,
                                             const std::string& alternative);

/// At most about `count` round numbers that cover [low, high]: steps of 1, 2 or 5 times a
/// power of 10.
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int count);

}  // namespace aift::io::report
