// SPDX-License-Identifier: Apache-2.0
#include <aift/core/version.hpp>

namespace aift {

std::string_view version() noexcept { return AIFT_VERSION_STRING; }

}  // namespace aift
