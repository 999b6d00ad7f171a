// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io::report {
namespace {

using Prediction = RunRecord::Prediction;

/// A wrong answer counts as sure from this probability on.
constexpr double kSure = 0.8;
/// So many are shown of each part; the others are counted.
constexpr std::size_t kMaxShown = 12;

label_t answer(const Prediction& one) {
  return static_cast<label_t>(std::max_element(one.probabilities.begin(), one.probabilities.end()) -
                              one.probabilities.begin());
}

double certainty(const Prediction& one) {
  return one.probabilities[static_cast<std::size_t>(answer(one))];
}

/// Most certain first; the smaller candidate on a tie.
std::vector<const Prediction*> surely_wrong(const RunRecord& run, bool test) {
  std::vector<const Prediction*> list;
  for (const Prediction& one : run.predictions) {
    if (one.test == test && one.label >= 0 && answer(one) != one.label && certainty(one) >= kSure)
      list.push_back(&one);
  }
  std::sort(list.begin(), list.end(), [](const Prediction* a, const Prediction* b) {
    return certainty(*a) != certainty(*b) ? certainty(*a) > certainty(*b)
                                          : a->candidate < b->candidate;
  });
  return list;
}

void show(Page& page, const RunRecord& run, const Prediction& one) {
  const std::string name = page.names.image(one.candidate, one.path);
  page.put("<li class='pick{}'>", card(page, run));
  if (page.options.images) {
    const Pictures::Set shown = page.pictures.whole(run, one.path);
    if (shown.whole.uri.empty()) {
      page.put("<div class='none'>{}</div>", escape(shown.missing));
    } else {
      page.put("<img loading='lazy' class='whole' width='{}' height='{}' alt='{}' src='{}'>",
               shown.whole.width, shown.whole.height, escape(name), shown.whole.uri);
    }
  }
  page.put("<div class='text'><div class='path'>{}</div><div class='meta'>Label: <b>{}</b>",
           escape(name), escape(class_name(run, one.label)));
  const std::string group = page.names.group(one.group, one.path);
  if (!group.empty()) page.put(" · group {}", escape(group));
  page.put(
      "</div><div class='meta'>Network: <b>{}</b> {} <span class='wrong'>✗ disagrees</span></div>"
      "</div></li>",
      escape(class_name(run, answer(one))), share(certainty(one)));
}

void show_part(Page& page, const RunRecord& run, bool test) {
  const auto of = std::count_if(run.predictions.begin(), run.predictions.end(),
                                [&](const Prediction& one) { return one.test == test; });
  if (of == 0) return;
  const std::vector<const Prediction*> list = surely_wrong(run, test);
  page.put("<details{}><summary>{}<span>{} of {}</span></summary><div class='body'>",
           list.empty() ? "" : " open", test ? "Test images" : "Labelled images", list.size(), of);
  page.put("<p class='meta'>{}</p>",
           test ? "The network never saw these while it was trained."
                : "The network was trained on these labels and still does not believe them.");
  if (list.empty()) page.out += "<p>None.</p>";
  page.out += "<ol class='picks'>";
  for (std::size_t i = 0; i < std::min(list.size(), kMaxShown); ++i)
    show(page, run, *list[i]);
  page.out += "</ol>";
  if (list.size() > kMaxShown)
    page.put("<p>and {} more, in predictions.csv of the run.</p>", list.size() - kMaxShown);
  page.out += "</div></details>";
}

}  // namespace

void write_mistakes(Page& page, const RunRecord& run, int level) {
  page.heading(run, level, page.anchor(run, "mistakes"), "Suspected label errors");
  if (run.predictions.empty()) {
    page.out +=
        "<p>Not known: this run recorded no predictions (predictions.csv), because it trained no "
        "network or was made by an earlier version.</p>";
    return;
  }
  page.put(
      "<p>Images on which the last network gives another answer than the label, with a probability "
      "of {} or more, surest first. Either the network or the label is wrong: please look again at "
      "these.</p>",
      kSure);
  show_part(page, run, true);
  show_part(page, run, false);
}

}  // namespace aift::io::report
