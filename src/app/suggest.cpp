// SPDX-License-Identifier: Apache-2.0
#include "src/app/suggest.hpp"

#include <algorithm>
#include <vector>

namespace aift::app {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string closest(std::string_view typed, std::span<const std::string> known) {
  const std::size_t limit =
      std::min<std::size_t>(3, (typed.size() - std::min<std::size_t>(1, typed.size())) / 2);
  std::size_t best = limit + 1;
  std::string found;
  for (const std::string& word : known) {
    const std::size_t distance = edit_distance(typed, word);
    if (distance < best) {
      best = distance;
      found = word;
    }
  }
  if (found.empty() && typed.size() >= 3) {
    for (const std::string& word : known) {
      if (word.starts_with(typed)) return word;
    }
  }
  return found;
}

}  // namespace aift::app
