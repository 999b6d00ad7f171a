// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io::report {
namespace {

using Round = RunRecord::Round;

/// Beyond this many, left-out images are counted and not named.
constexpr std::size_t kMaxBadListed = 50;

double total_seconds(const RunRecord& run) {
  double sum = 0;
  for (const Round& round : run.rounds) {
    for (const auto& [what, seconds] : round.seconds)
      sum += seconds;
  }
  return sum;
}

void card(Page& page, std::string_view what, const std::string& value, const std::string& more) {
  page.put("<div class='card'><dt>{}</dt><dd>{}<small>{}</small></dd></div>", escape(what),
           escape(value), escape(more));
}

/// How often the trainer's guard could compare, how often it then preferred the probe, and how
/// often there was too little to compare.
struct GuardCount {
  index_t decided = 0, acted = 0, silent = 0;
};

GuardCount count_guard(const RunRecord& run) {
  GuardCount count;
  for (const Round& round : run.rounds) {
    for (const auto& [key, value] : round.fit) {
      if (key != "guard" || value == "off") continue;
      const bool probe = value.starts_with("kept probe");
      const bool decided = probe || value == "kept tuned";
      count.decided += decided ? 1 : 0;
      count.acted += probe ? 1 : 0;
      count.silent += decided ? 0 : 1;
    }
  }
  return count;
}

void guard_card(Page& page, const RunRecord& run) {
  const GuardCount guard = count_guard(run);
  const std::string silent =
      guard.silent > 0
          ? fmt::format("too few labels to compare in {}", counted(guard.silent, "round", "rounds"))
          : std::string();
  if (guard.decided > 0) {
    card(page, "Guard", fmt::format("{} of {}", guard.acted, guard.decided),
         "rounds in which it handed back the linear probe" +
             (silent.empty() ? silent : "; " + silent));
  } else if (guard.silent > 0) {
    card(page, "Guard", "no say", silent);
  }
}

void times(Page& page, const RunRecord& run) {
  std::vector<std::string> steps;
  for (const Round& round : run.rounds) {
    for (const auto& [what, seconds] : round.seconds) {
      if (std::find(steps.begin(), steps.end(), what) == steps.end()) steps.push_back(what);
    }
  }
  if (steps.empty()) return;
  std::vector<std::string> columns = {"<Round"};
  columns.insert(columns.end(), steps.begin(), steps.end());
  Table table(page, "Time per round and step", columns);
  for (const Round& round : run.rounds) {
    std::vector<std::string> cells = {std::to_string(round.round)};
    for (const std::string& step : steps) {
      const auto at = std::find_if(round.seconds.begin(), round.seconds.end(),
                                   [&](const auto& entry) { return entry.first == step; });
      cells.push_back(at == round.seconds.end() ? "" : duration(at->second));
    }
    table.row(cells);
  }
}

void bad_images(Page& page, const RunRecord& run) {
  if (run.bad_images.empty()) return;
  page.put(
      "<details><summary>Images left out<span>{} could not be read</span></summary><div "
      "class='body'>",
      counted(static_cast<index_t>(run.bad_images.size()), "image", "images"));
  if (page.names.pseudonyms()) {
    page.out += "<p>Their names are withheld in this report.</p>";
  } else {
    page.out += "<dl class='facts'>";
    for (std::size_t i = 0; i < std::min(run.bad_images.size(), kMaxBadListed); ++i) {
      page.put("<dt>{}</dt><dd>{}</dd>", escape(run.bad_images[i].first),
               escape(run.bad_images[i].second));
    }
    page.out += "</dl>";
    if (run.bad_images.size() > kMaxBadListed) {
      page.put("<p>and {} more, in state.json of the run.</p>",
               run.bad_images.size() - kMaxBadListed);
    }
  }
  page.out += "</div></details>";
}

}  // namespace

void write_summary(Page& page, const RunRecord& run) {
  page.out += "<dl class='cards' aria-label='Summary'>";
  const index_t asked = run.rounds.empty() ? 0 : run.rounds.back().labels;
  card(page, "Labels asked", fmt::format("{}", asked),
       run.pool > 0
           ? fmt::format("{:.1f} % of a pool of {}",
                         100.0 * static_cast<double>(asked) / static_cast<double>(run.pool),
                         run.pool)
           : "");
  const Round* first = first_tested(run);
  const Round* last = last_tested(run);
  if (last != nullptr) {
    card(page, "Test AUC", share(last->metrics->auc),
         first != last ? fmt::format("{} after the first round", share(first->metrics->auc))
                       : fmt::format("after round {}", last->round));
    card(page, "Test accuracy", share(last->metrics->accuracy),
         fmt::format("balanced {}, {}", share(last->metrics->balanced_accuracy),
                     counted(last->metrics->samples, "image", "images")));
  }
  card(page, "Rounds", fmt::format("{}", run.rounds.size()),
       run.stopped.empty() ? "not finished" : page.names.text(run.stopped));
  card(page, "Time", duration(total_seconds(run)), "scoring, training and testing");
  card(page, "Images left out", fmt::format("{}", run.bad_images.size()),
       run.bad_images.empty() ? "every image could be read" : "could not be read, listed below");
  guard_card(page, run);
  page.out += "</dl>";
  for (const std::string& note : run.notes)
    page.put("<p class='notice'>{}</p>", escape(page.names.text(note)));
}

void write_details(Page& page, const RunRecord& run, int level) {
  page.heading(run, level, page.anchor(run, "details"), "Settings and times");
  times(page, run);
  bad_images(page, run);
  page.out +=
      "<details><summary>Settings<span>config.toml: all that is needed to run it "
      "again</span></summary><div class='body'>";
  for (const auto& [table, list] : run.settings) {
    if (list.empty()) continue;
    page.put("<h3>[{}]</h3>", escape(table));
    page.facts(list);
  }
  page.out += "</div></details>";
  if (!run.environment.empty()) {
    page.out +=
        "<details><summary>Machine and versions<span>what reproduces it bit for "
        "bit</span></summary><div class='body'>";
    page.facts(run.environment);
    page.out += "</div></details>";
  }
}

}  // namespace aift::io::report
