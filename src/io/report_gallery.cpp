// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"
#include "src/io/report_words.hpp"

namespace aift::io::report {
namespace {

using Pick = RunRecord::Pick;
using Round = RunRecord::Round;

bool any_score(const RunRecord& run) {
  return std::any_of(run.rounds.begin(), run.rounds.end(), [](const Round& round) {
    return std::any_of(round.picks.begin(), round.picks.end(),
                       [](const Pick& pick) { return std::isfinite(pick.score); });
  });
}

std::string_view agreement(const Pick& pick) {
  if (pick.dominant < 0 || pick.label < 0) return "none";
  return pick.dominant == pick.label ? "agrees" : "disagrees";
}

void views(Page& page, const RunRecord& run, const Pick& pick, const Pictures::Set& shown) {
  const bool known = pick.dominant >= 0 && !pick.probabilities.empty();
  const std::string what =
      known ? fmt::format("Probability of {} in each view", class_name(run, pick.dominant))
            : "Views";
  page.put("<div class='views-of'>{}</div><ul class='views'>", escape(what));
  for (index_t view = 0; view < pick.views; ++view) {
    const bool kept = std::find(pick.kept.begin(), pick.kept.end(), view) != pick.kept.end();
    page.put("<li class='{}'>", pick.kept.empty() ? "plain" : kept ? "kept" : "dropped");
    if (static_cast<std::size_t>(view) < shown.views.size()) {
      const Picture& picture = shown.views[static_cast<std::size_t>(view)];
      page.put("<img loading='lazy' width='{}' height='{}' alt='view {}{}' title='{}' src='{}'>",
               picture.width, picture.height, view,
               pick.kept.empty() ? ""
               : kept            ? ", kept"
                                 : ", dropped",
               escape(picture.hint), picture.uri);
    }
    if (known) page.out += share(pick.probabilities[static_cast<std::size_t>(view)]);
    if (!pick.kept.empty()) page.put("<em>{}</em>", kept ? "kept" : "dropped");
    page.out += "</li>";
  }
  page.out += "</ul>";
}

void show_pick(Page& page, const RunRecord& run, const Pick& pick, std::size_t rank) {
  const std::string name = page.names.image(pick.candidate, pick.path);
  const std::string label = class_name(run, pick.label);
  const std::string group = page.names.group(pick.group, pick.path);
  Pictures::Set shown;
  if (page.options.images) shown = page.pictures.of(run, pick);

  page.put("<li class='pick{}' data-label='{}' data-group='{}' data-agree='{}' data-rank='{}' ",
           card(page, run), escape(label), escape(group), agreement(pick), rank);
  page.put("data-score='{}'>", std::isfinite(pick.score) ? fmt::format("{:.6g}", pick.score) : "");
  if (!shown.whole.uri.empty()) {
    page.put("<img loading='lazy' class='whole' width='{}' height='{}' alt='{}' src='{}'>",
             shown.whole.width, shown.whole.height, escape(fmt::format("{}, {}", name, label)),
             shown.whole.uri);
  } else if (page.options.images) {
    page.put("<div class='none'>{}</div>", escape(shown.missing));
  }
  page.put("<div class='text'><div class='path'><span class='rank'>{}.</span> {}</div>", rank + 1,
           escape(name));
  page.put("<div class='meta'>Reader: <b>{}</b>", escape(label));
  if (!group.empty()) page.put(" · group {}", escape(group));
  page.out += "</div>";
  if (pick.dominant >= 0) {
    page.put("<div class='meta'>Network before: {} {}", escape(class_name(run, pick.dominant)),
             share(mean_probability(pick)));
    if (pick.label >= 0) {
      const bool right = pick.dominant == pick.label;
      page.put(" <span class='{}'>{}</span>", right ? "right" : "wrong",
               right ? "✓ agrees" : "✗ disagrees");
    }
    page.out += "</div>";
  }
  Pick said = pick;
  if (page.names.text(pick.reason) != pick.reason) said.reason.clear();  // it holds a name
  const std::string why = why_asked(run, said);
  if (!why.empty()) page.put("<p class='why'>{}</p>", escape(why));
  if (std::isfinite(pick.score)) {
    page.put("<div class='numbers'><span>score <b>{}</b></span>", figure(pick.score));
    if (std::isfinite(pick.entropy))
      page.put("<span>entropy <b>{}</b></span>", figure(pick.entropy));
    if (std::isfinite(pick.diversity))
      page.put("<span>diversity <b>{}</b></span>", figure(pick.diversity));
    page.out += "</div>";
  }
  page.out += "</div>";
  if (!pick.kept.empty() || !pick.probabilities.empty()) views(page, run, pick, shown);
  page.out += "</li>";
}

std::string round_line(const RunRecord& run, std::size_t i) {
  const Round& round = run.rounds[i];
  const auto picks = static_cast<index_t>(round.picks.size());
  std::string line = (round.rule == kStartSet ? counted(picks, "label", "labels") + " at the start"
                                              : counted(picks, "label asked", "labels asked")) +
                     fmt::format(", {} in all", round.labels);
  if (round.metrics) {
    line += fmt::format(", then AUC {}", share(round.metrics->auc));
    if (i > 0 && run.rounds[i - 1].metrics) {
      const double change = round.metrics->auc - run.rounds[i - 1].metrics->auc;
      if (std::isfinite(change)) line += fmt::format(" ({})", signed_share(change));
    }
  }
  return line;
}

std::string round_note(const Page& page, const RunRecord& run, std::size_t i) {
  const Round& round = run.rounds[i];
  std::string by = round.rule == kStartSet
                       ? "Nobody was asked: these labels came with the data set."
                       : fmt::format("Asked by the rule {}.", page.names.text(round.rule));
  if (std::isfinite(round.agreement)) {
    by += fmt::format(
        " The network had {:.0f} % of these labels right before it was trained on them.",
        100 * round.agreement);
  }
  if (run.pending && i + 1 == run.rounds.size()) {
    by += " This round is not finished: its labels are not trained on yet.";
  } else if (!round.has_model) {
    by +=
        " All labels are of one class so far, so no network is trained; the figures are those of "
        "the frequencies of the labels.";
  } else if (!round.trained) {
    by += " Nothing was trained in this round; the network before it stayed.";
  }
  return by;
}

void show_round(Page& page, const RunRecord& run, std::size_t i) {
  const Round& round = run.rounds[i];
  const bool open = page.runs.size() == 1 && (i == 0 || i + 1 == run.rounds.size());
  page.put(
      "<details class='round' data-round='{0}'{1}><summary>Round {0}<span>{2}</span></summary><div "
      "class='body'>",
      round.round, open ? " open" : "", escape(round_line(run, i)));
  page.put("<p class='meta'>{}</p>", escape(round_note(page, run, i)));
  if (!round.fit.empty()) {
    page.out += "<details class='inner'><summary>What the trainer did</summary><div class='body'>";
    page.facts(round.fit);
    page.out += "</div></details>";
  }
  if (round.rule == kStartSet) {
    // not shown
  } else if (round.picks.empty()) {
    page.out += "<p>Nothing was asked in this round.</p>";
  } else {
    page.out += "<ol class='picks'>";
    for (std::size_t rank = 0; rank < round.picks.size(); ++rank)
      show_pick(page, run, round.picks[rank], rank);
    page.out += "</ol>";
  }
  page.out += "</div></details>";
}

/// Shown by the script, which does the work.
void filter_bar(Page& page, const RunRecord& run, std::string_view id) {
  page.put("<div class='filter' role='group' aria-label='Filter and sort' data-for='{}' hidden>",
           id);
  page.out += "<label>Round <select data-by='round'><option value=''>all</option>";
  for (const Round& round : run.rounds)
    page.put("<option>{}</option>", round.round);
  page.out += "</select></label><label>Label <select data-by='label'><option value=''>all</option>";
  for (const std::string& name : run.classes)
    page.put("<option>{}</option>", escape(name));
  page.out +=
      "<option>no label</option></select></label>"
      "<label>Network <select data-by='agree'><option value=''>all</option><option "
      "value='agrees'>agrees</option><option value='disagrees'>disagrees</option><option "
      "value='none'>not asked</option></select></label>"
      "<label>Group <input type='search' data-by='group' size='10' autocomplete='off'></label>"
      "<label>Sort <select data-by='sort'><option value='rank'>by rank</option><option "
      "value='score'>by score</option><option value='label'>by label</option><option "
      "value='group'>by group</option><option value='agree'>by agreement</option></select></label>"
      "<button type='button' data-open>Open all rounds</button>"
      "<span class='count' role='status'></span></div>";
}

}  // namespace

void write_gallery(Page& page, const RunRecord& run, int level) {
  page.heading(run, level, page.anchor(run, "rounds"), "What was asked, and why");
  if (!any_score(run)) {
    page.out += "<p>The images of this run were chosen without asking the network.</p>";
  } else {
    page.out +=
        "<p>Before each round the network looks at several augmented views of every image that has "
        "no label yet. The views that are surest of the answer most of them give are "
        "<strong>kept</strong> (solid frame), the others <strong>dropped</strong> (dashed frame), "
        "because augmentation spoils some. <em>Entropy</em> says how unsure the network is on the "
        "kept views, <em>diversity</em> how much it disagrees with itself between them. The images "
        "with the highest score are asked for.</p>";
  }
  if (!page.options.images) {
    page.out += "<p>Pictures are left out of this report on request.</p>";
  } else {
    page.pictures.open(run);
    if (!page.pictures.problem().empty()) page.put("<p>{}</p>", escape(page.pictures.problem()));
  }
  const std::string id = page.anchor(run, "gallery");
  filter_bar(page, run, id);
  page.put("<div id='{}' class='gallery'>", id);
  for (std::size_t i = 0; i < run.rounds.size(); ++i)
    show_round(page, run, i);
  page.out += "</div>";
}

}  // namespace aift::io::report
