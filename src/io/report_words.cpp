// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_words.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <regex>

#include <fmt/format.h>

#include "src/io/report_html.hpp"

namespace aift::io::report {
namespace {

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

/// What the views say.
std::string views_say(const std::string& name, const RunRecord::Pick& pick) {
  const auto sure = static_cast<index_t>(std::count_if(
      pick.probabilities.begin(), pick.probabilities.end(), [](double p) { return p > 0.5; }));
  const double mean = mean_probability(pick);
  if (sure == 0) {
    return fmt::format("No view is sure: the likeliest answer is {}, with {} on average.", name,
                       share(mean));
  }
  if (sure < pick.views) {
    return fmt::format("The network is undecided: {} of {} views {} {}.", sure, pick.views,
                       sure == 1 ? "says" : "say", name);
  }
  return fmt::format(
      "{} {}, {}.", pick.views == 1 ? "The view says" : fmt::format("All {} views say", sure), name,
      mean >= 0.9    ? "and surely"
      : mean >= 0.75 ? "and fairly surely"
                     : "but barely");
}

}  // namespace

double mean_probability(const RunRecord::Pick& pick) {
  if (pick.probabilities.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(pick.probabilities.begin(), pick.probabilities.end(), 0.0) /
         static_cast<double>(pick.probabilities.size());
}

std::string why_asked(const RunRecord& run, const RunRecord::Pick& pick) {
  if (!std::isfinite(pick.score)) return capital(pick.reason);
  std::string text;
  const auto add = [&](const std::string& sentence) {
    if (!sentence.empty()) text += (text.empty() ? "" : " ") + sentence;
  };
  if (pick.dominant >= 0 && !pick.probabilities.empty())
    add(views_say(run.classes[static_cast<std::size_t>(pick.dominant)], pick));

  // "score 2.5, rank 0 of 100 (entropy 1.25, ...); majority for class 1; what else there is"
  static const std::regex kRank("^score [^,;]*, rank ([0-9]+) of ([0-9]+)[^;]*(; )?");
  std::smatch match;
  std::string rest = pick.reason;
  if (std::regex_search(pick.reason, match, kRank)) {
    const std::string rank = match[1], of = match[2];
    if (rank.size() <= 18) add(fmt::format("Place {} of {} by score.", std::stoll(rank) + 1, of));
    rest = match.suffix();
    static const std::regex kMajority("^majority for class [0-9]+(; )?");
    rest = std::regex_replace(rest, kMajority, "");
  }
  if (!rest.empty()) add(capital(rest) + (rest.ends_with('.') ? "" : "."));
  return text;
}

}  // namespace aift::io::report
