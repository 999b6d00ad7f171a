// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "src/io/report_record.hpp"

namespace aift::io::report {

/// Mean probability of the dominant class over all views; NaN without any.
[[nodiscard]] double mean_probability(const RunRecord::Pick& pick);

/// Why an image was asked for, in the words of a reader.
///
/// With the probabilities of q views, c of which give the dominant class more than one half:
///   0 < c < q        "The network is undecided: 4 of 8 views say polyp."
///   c = 0            "No view is sure: the likeliest answer is polyp, with 0.41 on average."
///   c = q            "All 8 views say polyp, ", and by the mean p: "and surely" (p >= 0.9),
///                    "and fairly surely" (p >= 0.75), "but barely".
/// Then the place in the ranking, and what else the selector gave as its reason; the figures that
/// the record holds anyway are not said twice. Without a score: the selector's reason as it is.
[[nodiscard]] std::string why_asked(const RunRecord& run, const RunRecord::Pick& pick);

}  // namespace aift::io::report
