// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include <aift/augment/image_augmenter.hpp>

namespace aift::io {

/// Names of the ranges of views as they stand in config.toml, written by the program and read by
/// the report.
inline constexpr std::array<std::pair<std::string_view, double ViewRanges::*>, 11> kViewFields = {{
    {"flip_horizontal", &ViewRanges::flip_horizontal},
    {"flip_vertical", &ViewRanges::flip_vertical},
    {"rotation_deg", &ViewRanges::rotation_deg},
    {"scale_min", &ViewRanges::scale_min},
    {"scale_max", &ViewRanges::scale_max},
    {"translation", &ViewRanges::translation},
    {"crop_min", &ViewRanges::crop_min},
    {"brightness", &ViewRanges::brightness},
    {"contrast", &ViewRanges::contrast},
    {"saturation", &ViewRanges::saturation},
    {"gain", &ViewRanges::gain},
}};

}  // namespace aift::io
