// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/aift.h>
#include <aift/core/predictions.hpp>
#include <aift/score/options.hpp>

namespace aift::capi {

/// The library's view of the caller's predictions. throws ShapeError, ValueError
PatchPredictions read_predictions(const aift_predictions* given);
/// null: the defaults. throws ShapeError, ValueError
ScoreOptions read_options(const aift_score_options* given);

}  // namespace aift::capi
