// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// What the header of one DICOM slice says about its place.
struct SliceHeader {
  std::string name;  ///< what messages call it: the name of its file
  index_t columns = 0;  ///< pixels of a row
  index_t rows = 0;     ///< rows of pixels
  std::array<double, 2> pixel_spacing = {0, 0};  ///< mm: between rows, between columns
  Point position = {0, 0, 0};                    ///< centre of the first pixel, LPS
  Point row_axis = {1, 0, 0};     ///< direction in which the columns of a row follow each other
  Point column_axis = {0, 1, 0};  ///< direction in which the rows follow each other
};

/// What a series of slices may be like.
struct SeriesRules {
  /// Largest difference of the distance between two neighbouring slices from the usual one, as a
  /// share of that, above 0.
  double spacing_tolerance = 0.01;
  bool allow_uneven = false;  ///< take any spacing; the caller interpolates
};

/// How slices make a volume.
struct SeriesLayout {
  std::vector<index_t> order;  ///< [n] slices by rising place along the normal
  std::vector<double> places;  ///< [n] of the ordered slices along the normal, mm, rising
  double spacing = 0;          ///< mm: the median distance of neighbours
  bool even = true;            ///< within the tolerance
  Geometry geometry;           ///< of the slices as they lie, with `spacing` along z
};

/// Puts the slices of a series into order and checks that they make a volume, header by header:
/// a slice that is missing and passes unnoticed shifts all that lies beyond it.
///
/// order    by the projection of the position on the slice normal (row x column), never by file name,
///          instance number or slice location
/// throws   ValueError naming the slice: fewer than two slices; a size, spacing or orientation that
///          is not that of the first; numbers that are not finite; axes that are no right-angled unit
///          vectors (1e-3); two slices at one place; a gap of about a whole number of distances (a
///          missing slice); other uneven spacing; positions that leave the normal (gantry tilt, more
///          than 1 % of the spacing per slice)
/// cost     O(n log n)
[[nodiscard]] SeriesLayout arrange_slices(std::span<const SliceHeader> slices,
                                          const SeriesRules& rules = {});

}  // namespace aift::ct
