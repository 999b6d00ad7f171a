// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/loop/run_state.hpp>

namespace aift {

/// Writes what a record keeps of the probabilities [q, K] of a pick into it: the largest means and
/// the patches' values for its dominant class, which is the class of the largest mean unless the
/// score has named one.
void keep_predictions(Pick& pick, std::span<const double> probabilities, index_t classes);

}  // namespace aift
