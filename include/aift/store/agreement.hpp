// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <utility>

#include <aift/store/project.hpp>

namespace aift::store {

/// One label from the answers of several readers of one sample.
///
/// answers  of one sample, in the order of coming in; corrected ones are passed over, and so are
///          readers that could not tell, except that they count among those who have answered
/// rule     majority: the class most readers named, a tie is a conflict; unanimous: all the same, else
///          a conflict; first, last: that answer; reader: the named one's, else the majority
/// waiting  fewer than `readers` different readers have answered; a conflict waits for nobody
/// conflict readers named different classes and the rule does not decide: no label
[[nodiscard]] Verdict agree(std::span<const StoredAnswer> answers, const AnswerSettings& rule);

}  // namespace aift::store
