// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// A candidate with the score of whatever looked at it.
struct Finding {
  index_t scan = 0;      ///< in [0, scans)
  double score = 0;      ///< larger = more suspicious; finite
  index_t embolus = -1;  ///< which embolus of its scan it hits, from 0; -1: none
};

/// A value with an interval.
struct Estimate {
  double value = 0;  ///< from the data
  double low = 0;    ///< lower end of the interval; NaN: not defined
  double high = 0;   ///< upper end of the interval
};

/// The false positives per scan at which sensitivities are compared.
inline constexpr std::array<double, 7> kFrocRates = {0.125, 0.25, 0.5, 1, 2, 4, 8};

/// One point of a curve: all findings with at least this score are marks.
struct FrocPoint {
  double score = 0;                     ///< threshold
  double false_positives_per_scan = 0;  ///< over all scans
  double sensitivity = 0;               ///< share of all emboli
};

/// Free-response ROC: how many emboli are found at how many false marks per scan.
struct Froc {
  std::vector<FrocPoint> curve;      ///< by falling score, one point per score that occurs
  std::array<Estimate, 7> at_rates;  ///< sensitivity at kFrocRates, with 95 % intervals
  Estimate mean;                     ///< mean of the seven: the competition metric
  index_t scans = 0;                 ///< all of them, with and without findings
  index_t emboli = 0;                ///< all of them, with and without findings
  index_t reachable = 0;             ///< emboli that some finding hits
};

/// The curve and its intervals.
///
/// findings       in any order
/// emboli         [scans] number of emboli of each scan; 0 is a scan without any, which counts too
/// hits           several findings of one embolus count once, and the further ones are no false
///                positives; an embolus without any finding is missed at every threshold
/// at_rates       the largest sensitivity of a threshold whose false positives per scan do not exceed
///                the rate; no interpolation between thresholds
/// intervals      percentiles 2.5 and 97.5 over `replicates` draws of as many scans with replacement;
///                draws without an embolus are left out; NaN with none or no replicates
/// Source: Chakraborty, Medical Physics 16(4), 1989; rates and mean as in the LUNA16 challenge
/// throws  ValueError (a score that is not finite, a scan or embolus outside, no embolus at all,
///         replicates negative)
/// cost    O(n log n + replicates n)
[[nodiscard]] Froc froc(std::span<const Finding> findings, std::span<const index_t> emboli,
                        index_t replicates = 1000, std::uint64_t seed = 0);

/// Area under the ROC curve of labelled candidates, with a 95 % interval over draws of whole groups
/// (patients): candidates of one patient are alike.
///
/// scores, positive, groups  [n]
/// throws  ShapeError (sizes), ValueError (score not finite, replicates negative)
[[nodiscard]] Estimate candidate_auc(std::span<const double> scores,
                                     std::span<const std::uint8_t> positive,
                                     std::span<const index_t> groups, index_t replicates = 1000,
                                     std::uint64_t seed = 0);

/// Which embolus of a label volume a point hits: the one whose voxel contains it, else the one with the
/// nearest voxel centre within `tolerance_mm`; -1: none. On a tie the smaller number.
///
/// labels        0 = no embolus, n = embolus n (returned as n - 1)
/// tolerance_mm  at least 0
/// throws        ValueError (tolerance), ShapeError (labels)
/// cost          the voxels of a cube of twice the tolerance
[[nodiscard]] index_t embolus_at(const Volume& labels, const Point& point, double tolerance_mm);

/// `score,false_positives_per_scan,sensitivity`, one line per point of the curve.
[[nodiscard]] std::string froc_csv(const Froc& result);

}  // namespace aift::ct
