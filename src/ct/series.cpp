// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/series.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <aift/core/error.hpp>

namespace aift::ct {
namespace {

constexpr double kAxisTolerance = 1e-3;
constexpr double kSameTolerance = 1e-4;
/// mm; two slices nearer than this are at one place
constexpr double kSamePlace = 1e-3;

bool finite(const Point& p) {
  return std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2]);
}

std::string text(const Point& p) { return fmt::format("({:g}, {:g}, {:g})", p[0], p[1], p[2]); }

void check_alone(const SliceHeader& s) {
  AIFT_EXPECT(s.columns >= 1 && s.rows >= 1, ValueError, "Slice {} has no pixels: {} x {}.", s.name,
              s.columns, s.rows);
  AIFT_EXPECT(finite(s.position), ValueError, "Slice {} must have a finite position; it has {}.",
              s.name, text(s.position));
  for (const double spacing : s.pixel_spacing) {
    AIFT_EXPECT(spacing > 0 && std::isfinite(spacing), ValueError,
                "Slice {} must have a positive pixel spacing; it has {:g} x {:g} mm.", s.name,
                s.pixel_spacing[0], s.pixel_spacing[1]);
  }
  const bool right = finite(s.row_axis) && finite(s.column_axis) &&
                     std::abs(norm(s.row_axis) - 1) <= kAxisTolerance &&
                     std::abs(norm(s.column_axis) - 1) <= kAxisTolerance &&
                     std::abs(dot(s.row_axis, s.column_axis)) <= kAxisTolerance;
  AIFT_EXPECT(right, ValueError,
              "Slice {} must have two unit vectors at right angles as its orientation; it has {} "
              "and {}.",
              s.name, text(s.row_axis), text(s.column_axis));
}

void check_like_first(const SliceHeader& s, const SliceHeader& first) {
  AIFT_EXPECT(s.columns == first.columns && s.rows == first.rows, ValueError,
              "All slices of a series must be of one size; slice {} has {} x {} pixels and {} has "
              "{} x {}.",
              s.name, s.columns, s.rows, first.name, first.columns, first.rows);
  const bool same_axes = norm(s.row_axis - first.row_axis) <= kSameTolerance &&
                         norm(s.column_axis - first.column_axis) <= kSameTolerance;
  AIFT_EXPECT(same_axes, ValueError,
              "All slices of a series must have one orientation; slice {} has rows along {} and "
              "columns along {}, and {} has {} and {}.",
              s.name, text(s.row_axis), text(s.column_axis), first.name, text(first.row_axis),
              text(first.column_axis));
  for (std::size_t a = 0; a < 2; ++a) {
    AIFT_EXPECT(std::abs(s.pixel_spacing[a] - first.pixel_spacing[a]) <=
                    kSameTolerance * first.pixel_spacing[a],
                ValueError,
                "All slices of a series must have one pixel spacing; slice {} has {:g} x {:g} mm "
                "and {} has {:g} x {:g} mm.",
                s.name, s.pixel_spacing[0], s.pixel_spacing[1], first.name, first.pixel_spacing[0],
                first.pixel_spacing[1]);
  }
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

SeriesLayout arrange_slices(std::span<const SliceHeader> slices, const SeriesRules& rules) {
  AIFT_EXPECT(rules.spacing_tolerance > 0 && std::isfinite(rules.spacing_tolerance), ValueError,
              "The tolerance of the slice spacing must be a positive share; got {}.",
              rules.spacing_tolerance);
  AIFT_EXPECT(slices.size() >= 2, ValueError,
              "A volume needs at least two slices; the series has {}{}.", slices.size(),
              slices.empty() ? "" : " (" + slices[0].name + ")");
  const SliceHeader& first = slices[0];
  for (const SliceHeader& s : slices) {
    check_alone(s);
    check_like_first(s, first);
  }

  const Point row = unit(first.row_axis);
  const Point normal = unit(cross(row, first.column_axis));
  const Point column = cross(normal, row);
  std::vector<double> along(slices.size());
  for (std::size_t i = 0; i < slices.size(); ++i)
    along[i] = dot(slices[i].position, normal);
  SeriesLayout layout;
  layout.order.resize(slices.size());
  std::iota(layout.order.begin(), layout.order.end(), index_t{0});
  const auto at = [&](index_t i) { return along[static_cast<std::size_t>(i)]; };
  const auto slice = [&](std::size_t k) -> const SliceHeader& {
    return slices[static_cast<std::size_t>(layout.order[k])];
  };
  std::sort(layout.order.begin(), layout.order.end(),
            [&](index_t a, index_t b) { return at(a) != at(b) ? at(a) < at(b) : a < b; });
  for (const index_t i : layout.order)
    layout.places.push_back(at(i));

  std::vector<double> gaps;
  for (std::size_t k = 1; k < slices.size(); ++k) {
    const double gap = layout.places[k] - layout.places[k - 1];
    AIFT_EXPECT(std::isfinite(gap), ValueError, "Slice {} lies too far away: at {}.", slice(k).name,
                text(slice(k).position));
    AIFT_EXPECT(gap > kSamePlace, ValueError,
                "Two slices lie at one place: {} and {}, both {:g} mm along the normal. Is it a "
                "series with several phases, or a file twice?",
                slice(k - 1).name, slice(k).name, layout.places[k]);
    gaps.push_back(gap);
  }
  layout.spacing = median(gaps);
  for (std::size_t k = 0; k < gaps.size(); ++k) {
    const double times = gaps[k] / layout.spacing;
    if (std::abs(times - 1) <= rules.spacing_tolerance) continue;
    layout.even = false;
    if (rules.allow_uneven) continue;
    const double whole = std::round(times);
    AIFT_EXPECT(!(whole >= 2 && std::abs(times - whole) <= rules.spacing_tolerance * whole),
                ValueError,
                "{:.0f} slices are missing between {} and {}: they are {:g} mm apart, where others "
                "are {:g} mm apart. Complete the series, or allow resampling.",
                whole - 1, slice(k).name, slice(k + 1).name, gaps[k], layout.spacing);
    throw ValueError(fmt::format(
        "Slices must be evenly spaced within {:g} %; {} and {} are {:g} mm apart, where others are "
        "{:g} mm apart. Is a slice missing? Complete the series, or allow resampling.",
        100 * rules.spacing_tolerance, slice(k).name, slice(k + 1).name, gaps[k], layout.spacing));
  }
  const Point start = slice(0).position;
  for (std::size_t k = 1; k < slices.size(); ++k) {
    const Point moved = slice(k).position - start;
    const double rise = layout.places[k] - layout.places[0];
    const double aside = norm(moved - rise * normal);
    const double steps = rise / layout.spacing;
    AIFT_EXPECT(aside <= 0.01 * layout.spacing * std::max(1.0, steps), ValueError,
                "Slices must lie straight behind each other; {} is {:g} mm beside the normal "
                "through {} (gantry tilt of about {:.1f} degrees). Such volumes are not read.",
                slice(k).name, aside, slice(0).name,
                std::atan2(aside, rise) * (180 / 3.14159265358979323846));
  }

  Geometry& g = layout.geometry;
  g.size = {first.columns, first.rows, static_cast<index_t>(slices.size())};
  // Even slices share the rounding of their positions: the mean distance is nearer than the median.
  const double mean =
      (layout.places.back() - layout.places.front()) / static_cast<double>(slices.size() - 1);
  if (layout.even) layout.spacing = mean;
  g.spacing = {first.pixel_spacing[1], first.pixel_spacing[0], layout.spacing};
  g.origin = start;
  g.axes = {row, column, normal};
  return layout;
}

}  // namespace aift::ct
