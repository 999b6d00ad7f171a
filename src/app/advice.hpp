// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <aift/core/types.hpp>
#include <aift/select/selector.hpp>

namespace aift::app {

/// One sentence ("warning: ...") for a user whose score is made from pairs of kept views when the
/// options keep a single one of `views`; nothing when there is nothing to say.
[[nodiscard]] std::optional<std::string> single_view_warning(const Selector& selector,
                                                             index_t views);

}  // namespace aift::app
