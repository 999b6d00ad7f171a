// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/progress.hpp>
