// SPDX-License-Identifier: Apache-2.0
#include "src/app/advice.hpp"

#include <fmt/format.h>

#include <aift/io/numbers.hpp>
#include <aift/score/majority.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/select/diversity_selector.hpp>

namespace aift::app {

std::optional<std::string> single_view_warning(const Selector& selector, index_t views) {
  const ScoreOptions* options = nullptr;
  const char* outcome = "";
  if (const auto* aift = dynamic_cast<const AiftSelector*>(&selector);
      aift != nullptr && aift->options().lambda2 != 0) {
    options = &aift->options();
    outcome = "it ranks by entropy alone";
  } else if (const auto* diversity = dynamic_cast<const DiversitySelector*>(&selector)) {
    options = &diversity->options();
    outcome = "every score is 0";
  }
  if (options == nullptr || score::kept_count(views, options->alpha) > 1) return std::nullopt;
  return fmt::format(
      "warning: with {} views and alpha {} the selector {} keeps a single view of each image, so "
      "the diversity is 0 and {}; raise --views or --set alpha.",
      views, io::shortest(options->alpha), selector.name(), outcome);
}

}  // namespace aift::app
