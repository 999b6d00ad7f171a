// SPDX-License-Identifier: Apache-2.0
#include <aift/io/report.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/version.hpp>
#include <aift/io/atomic_file.hpp>

#include "src/io/report_chart.hpp"
#include "src/io/report_html.hpp"
#include "src/io/report_pictures.hpp"
#include "src/io/report_record.hpp"
#include "src/io/report_style.hpp"

namespace aift::io {
namespace {

using namespace report;
using Metrics = RunRecord::Metrics;
using Pick = RunRecord::Pick;
using Round = RunRecord::Round;

/// Beyond this many, left-out images are counted and not named.
constexpr std::size_t kMaxBadListed = 50;

/// "1 image", "20 images".
std::string counted(index_t n, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", n, n == 1 ? one : several);
}

std::string signed_share(double value) {
  return std::isfinite(value) ? fmt::format("{:+.3f}", value) : "n/a";
}

/// Names of images and groups as this report is allowed to show them.
class Names {
 public:
  explicit Names(bool pseudonyms) : pseudonyms_(pseudonyms) {}

  [[nodiscard]] std::string image(const Pick& pick) const {
    return pseudonyms_ ? fmt::format("image {}", pick.candidate) : pick.path;
  }
  /// Empty for an image that is a group of its own.
  [[nodiscard]] std::string group(const Pick& pick) {
    if (pick.group.empty() || pick.group == pick.path) return {};
    if (!pseudonyms_) return pick.group;
    const auto [at, added] = groups_.try_emplace(pick.group, groups_.size());
    return fmt::format("{}", at->second);
  }
  [[nodiscard]] bool pseudonyms() const noexcept { return pseudonyms_; }

 private:
  bool pseudonyms_;
  std::map<std::string, std::size_t> groups_;  // numbered as they are first shown
};

/// What the loop calls a round whose labels the data set brought.
constexpr std::string_view kStartSet = "start set";

std::string class_name(const RunRecord& run, label_t k) {
  return k < 0 ? "no label" : run.classes[static_cast<std::size_t>(k)];
}

/// Mean probability of the dominant class over all views.
double mean_probability(const Pick& pick) {
  return std::accumulate(pick.probabilities.begin(), pick.probabilities.end(), 0.0) /
         static_cast<double>(pick.views);
}

/// The reason of a pick with the name of its class in the place of "class 1", and a capital letter.
std::string in_words(const RunRecord& run, const Pick& pick) {
  std::string text = pick.reason;
  const std::string number = fmt::format("class {}", pick.dominant);
  const auto at = text.find(number);
  if (pick.dominant >= 0 && at != std::string::npos) {
    const auto end = at + number.size();
    if (end == text.size() || text[end] < '0' || text[end] > '9') {
      text.replace(at, number.size(), class_name(run, pick.dominant));
    }
  }
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

const Round* last_tested(const RunRecord& run) {
  const Round* found = nullptr;
  for (const Round& round : run.rounds) {
    if (round.metrics) found = &round;
  }
  return found;
}

const Round* first_tested(const RunRecord& run) {
  for (const Round& round : run.rounds) {
    if (round.metrics) return &round;
  }
  return nullptr;
}

index_t labels_asked(const RunRecord& run) {
  return run.rounds.empty() ? 0 : run.rounds.back().labels;
}

double total_seconds(const RunRecord& run) {
  double sum = 0;
  for (const Round& round : run.rounds) {
    for (const auto& [what, seconds] : round.seconds)
      sum += seconds;
  }
  return sum;
}

class Writer {
 public:
  Writer(std::span<const RunRecord> runs, const ReportOptions& options)
      : runs_(runs), options_(options), names_(options.pseudonyms), pictures_(options) {}

  std::string html() {
    head();
    out_ += "<main>";
    if (runs_.size() == 1) {
      summary(runs_.front());
      curve();
      rounds(runs_.front(), 2);
      details(runs_.front(), 2);
    } else {
      comparison();
      curve();
      for (std::size_t r = 0; r < runs_.size(); ++r) {
        put("<section id='run{}'><h2>{}</h2>", r, escape(runs_[r].name));
        summary(runs_[r]);
        curve_table(runs_[r]);
        rounds(runs_[r], 3);
        details(runs_[r], 3);
        out_ += "</section>";
      }
    }
    out_ += "</main>";
    foot();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  [[nodiscard]] std::string title() const {
    if (!options_.title.empty()) return options_.title;
    if (runs_.size() == 1) return fmt::format("Learning run {}", runs_.front().name);
    return fmt::format("{} learning runs compared", runs_.size());
  }

  [[nodiscard]] std::string anchor(const RunRecord& run, std::string_view what) const {
    return fmt::format("{}{}", what, &run - runs_.data());
  }

  void head() {
    const std::string heading = escape(title());
    // The policy forbids whatever this file does not contain itself, scripts included.
    put("<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<meta name='generator' content='aift {}'><title>{} - AIFT report</title><style>{}</style>"
        "</head><body><header><div class='in'><div class='brand'>AIFT report</div><h1>{}</h1>",
        version(), heading, kStyle, heading);
    if (runs_.size() == 1) put("<p class='sub'>{}</p>", escape(subtitle(runs_.front())));
    const auto generated =
        std::count_if(runs_.begin(), runs_.end(), [](const auto& run) { return run.synthetic; });
    if (generated > 0) {
      put("<p class='notice synthetic'>Synthetic: {} generated images, not from patients.</p>",
          runs_.size() == 1 ? "this run used" : fmt::format("{} of these runs used", generated));
    }
    out_ +=
        "<p class='notice'>For research. Nothing here is cleared for clinical use: the figures "
        "describe a training run, they are no advice on any patient.</p>";
    out_ += "<nav aria-label='Contents'><a href='#curve'>Learning curve</a>";
    if (runs_.size() == 1) {
      put("<a href='#{}'>What was asked</a><a href='#{}'>Settings and times</a>",
          anchor(runs_.front(), "rounds"), anchor(runs_.front(), "details"));
    } else {
      for (std::size_t r = 0; r < runs_.size(); ++r) {
        put("<a href='#run{}'>{}</a>", r, escape(runs_[r].name));
      }
    }
    out_ += "</nav></div></header>";
  }

  [[nodiscard]] std::string subtitle(const RunRecord& run) const {
    std::string text;
    const auto add = [&](const std::string& part) {
      if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
    };
    if (!names_.pseudonyms()) add(run.data_name);
    add(run.setting("run", "model"));
    const std::string selector = run.setting("run", "selector");
    if (!selector.empty()) add("selector " + selector);
    add(counted(static_cast<index_t>(run.rounds.size()), "round", "rounds"));
    std::string classes;
    for (const std::string& name : run.classes)
      classes += (classes.empty() ? "" : ", ") + name;
    if (!classes.empty()) add("classes " + classes);
    return text;
  }

  void card(std::string_view what, const std::string& value, const std::string& more) {
    put("<div class='card'><dt>{}</dt><dd>{}<small>{}</small></dd></div>", escape(what),
        escape(value), escape(more));
  }

  void summary(const RunRecord& run) {
    out_ += "<dl class='cards' aria-label='Summary'>";
    const index_t asked = labels_asked(run);
    card("Labels asked", fmt::format("{}", asked),
         run.pool > 0
             ? fmt::format("{:.1f} % of a pool of {}",
                           100.0 * static_cast<double>(asked) / static_cast<double>(run.pool),
                           run.pool)
             : "");
    const Round* first = first_tested(run);
    const Round* last = last_tested(run);
    if (last != nullptr) {
      card("Test AUC", share(last->metrics->auc),
           first != last ? fmt::format("{} after the first round", share(first->metrics->auc))
                         : fmt::format("after round {}", last->round));
      card("Test accuracy", share(last->metrics->accuracy),
           fmt::format("balanced {}, {}", share(last->metrics->balanced_accuracy),
                       counted(last->metrics->samples, "image", "images")));
    }
    card("Rounds", fmt::format("{}", run.rounds.size()),
         run.stopped.empty() ? "not finished" : run.stopped);
    card("Time", duration(total_seconds(run)), "scoring, training and testing");
    card("Images left out", fmt::format("{}", run.bad_images.size()),
         run.bad_images.empty() ? "every image could be read" : "could not be read, listed below");
    const GuardCount guard = count_guard(run);
    const std::string silent = guard.silent > 0
                                   ? fmt::format("too few labels to compare in {}",
                                                 counted(guard.silent, "round", "rounds"))
                                   : std::string();
    if (guard.decided > 0) {
      card("Guard", fmt::format("{} of {}", guard.acted, guard.decided),
           "rounds in which it handed back the linear probe" +
               (silent.empty() ? silent : "; " + silent));
    } else if (guard.silent > 0) {
      card("Guard", "no say", silent);
    }
    out_ += "</dl>";
    for (const std::string& note : run.notes)
      put("<p class='notice'>{}</p>", escape(note));
  }

  /// How often the trainer's guard could compare, how often it then preferred the probe, and how
  /// often there was too little to compare.
  struct GuardCount {
    index_t decided = 0, acted = 0, silent = 0;
  };
  static GuardCount count_guard(const RunRecord& run) {
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

  // ------------------------------------------------------------------ learning curve

  static std::string hint(const RunRecord& run, const Round& round, bool several) {
    return fmt::format("{}round {}: {} labels, AUC {}, accuracy {}", several ? run.name + ", " : "",
                       round.round, round.labels, share(round.metrics->auc),
                       share(round.metrics->accuracy));
  }

  /// Runs that differ in nothing but the seed share a style and get a mean.
  static std::string family(const RunRecord& run) {
    std::string text;
    for (const auto& [table, facts] : run.settings) {
      if (table == "record") continue;
      for (const auto& [key, value] : facts) {
        if (table == "run" && (key == "seed" || key == "out" || key == "threads")) continue;
        text += table + '.' + key + '=' + value + '\n';
      }
    }
    return text;
  }

  [[nodiscard]] std::vector<CurveSeries> curves() const {
    std::map<std::string, std::vector<const RunRecord*>> families;
    std::vector<std::string> order;
    for (const RunRecord& run : runs_) {
      auto& members = families[family(run)];
      if (members.empty()) order.push_back(family(run));
      members.push_back(&run);
    }
    std::vector<CurveSeries> series;
    for (std::size_t f = 0; f < order.size(); ++f) {
      const auto& members = families[order[f]];
      std::map<index_t, std::pair<double, index_t>> sums;  // labels -> sum, count
      for (const RunRecord* run : members) {
        CurveSeries line{run->name, static_cast<int>(f), members.size() > 1, {}};
        for (const Round& round : run->rounds) {
          if (!round.metrics) continue;
          line.points.push_back({static_cast<double>(round.labels), round.metrics->auc,
                                 hint(*run, round, runs_.size() > 1)});
          if (std::isfinite(round.metrics->auc)) {
            sums[round.labels].first += round.metrics->auc;
            sums[round.labels].second += 1;
          }
        }
        series.push_back(std::move(line));
      }
      if (members.size() < 2) continue;
      const std::string selector = members.front()->setting("run", "selector");
      CurveSeries mean{
          fmt::format("{} (mean of {})", selector.empty() ? members.front()->name : selector,
                      members.size()),
          static_cast<int>(f),
          false,
          {}};
      for (const auto& [labels, sum] : sums) {
        if (sum.second != static_cast<index_t>(members.size())) continue;  // not all got there
        const double value = sum.first / static_cast<double>(sum.second);
        mean.points.push_back(
            {static_cast<double>(labels), value,
             fmt::format("{}: {} labels, AUC {}", mean.name, labels, share(value))});
      }
      series.push_back(std::move(mean));
    }
    return series;
  }

  void curve() {
    out_ += "<h2 id='curve'>Learning curve</h2><div class='panel scroll'>";
    const std::string text = runs_.size() == 1 && last_tested(runs_.front()) != nullptr
                                 ? fmt::format(
                                       "Learning curve: AUC on the test images from {} with {} "
                                       "labels to {} with {} labels",
                                       share(first_tested(runs_.front())->metrics->auc),
                                       first_tested(runs_.front())->labels,
                                       share(last_tested(runs_.front())->metrics->auc),
                                       last_tested(runs_.front())->labels)
                                 : "Learning curves: AUC on the test images over the number of "
                                   "labelled images, one line per run";
    const std::string svg = learning_curve_svg(curves(), "AUC on test images", text);
    if (svg.empty()) {
      out_ +=
          "<p>No curve: no round has an AUC on test images (it needs labelled test images of at "
          "least two classes).</p>";
    } else {
      out_ += svg;
    }
    out_ += "</div>";
    if (runs_.size() == 1) curve_table(runs_.front());
  }

  void curve_table(const RunRecord& run) {
    if (last_tested(run) == nullptr) return;
    out_ +=
        "<div class='panel scroll'><table><caption>Measured on the test images, which are never "
        "trained on and share no group with the pool</caption><thead><tr><th scope='col'>Round</th>"
        "<th scope='col'>Labels</th><th scope='col'>AUC</th><th scope='col'>Change</th>"
        "<th scope='col'>Accuracy</th><th scope='col'>Balanced accuracy</th><th scope='col'>Log "
        "loss</th></tr></thead><tbody>";
    double before = std::numeric_limits<double>::quiet_NaN();
    for (const Round& round : run.rounds) {
      if (!round.metrics) continue;
      const Metrics& m = *round.metrics;
      put("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
          round.round, round.labels, share(m.auc),
          std::isfinite(before) ? signed_share(m.auc - before) : "", share(m.accuracy),
          share(m.balanced_accuracy), share(m.log_loss));
      before = m.auc;
    }
    out_ += "</tbody></table></div>";
  }

  void comparison() {
    out_ +=
        "<h2>Runs</h2><div class='panel scroll'><table><caption>Last measured round of every "
        "run</caption><thead><tr>"
        "<th scope='col'>Run</th><th scope='col' class='text'>Selector</th><th scope='col' "
        "class='text'>Model</th><th scope='col'>Seed</th><th scope='col'>Rounds</th>"
        "<th scope='col'>Labels</th><th scope='col'>AUC</th><th scope='col'>Accuracy</th><th "
        "scope='col'>Time</th></tr></thead><tbody>";
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      const RunRecord& run = runs_[r];
      const Round* last = last_tested(run);
      constexpr double nan = std::numeric_limits<double>::quiet_NaN();
      put("<tr><td class='text'><a href='#run{}'>{}</a></td><td class='text'>{}</td><td "
          "class='text'>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></"
          "tr>",
          r, escape(run.name), escape(run.setting("run", "selector")),
          escape(run.setting("run", "model")), escape(run.setting("run", "seed")),
          run.rounds.size(), labels_asked(run), share(last ? last->metrics->auc : nan),
          share(last ? last->metrics->accuracy : nan), duration(total_seconds(run)));
    }
    out_ += "</tbody></table></div>";
  }

  // ------------------------------------------------------------------ rounds and picks

  void rounds(const RunRecord& run, int level) {
    put("<h{0} id='{1}'>What was asked, and why</h{0}>", level, anchor(run, "rounds"));
    const bool scored = std::any_of(run.rounds.begin(), run.rounds.end(), [](const Round& round) {
      return std::any_of(round.picks.begin(), round.picks.end(),
                         [](const Pick& pick) { return std::isfinite(pick.score); });
    });
    if (!scored) {
      out_ += "<p>The images of this run were chosen without asking the network.</p>";
    } else {
      out_ +=
          "<p>Before each round the network looks at several augmented views of every image that "
          "has "
          "no label yet. The views that are surest of the answer most of them give are "
          "<strong>kept</strong>, the others <strong>dropped</strong>, because augmentation spoils "
          "some. "
          "<em>Entropy</em> says how unsure the network is on the kept views, <em>diversity</em> "
          "how "
          "much it disagrees with itself between them. The images with the highest score are asked "
          "for.</p>";
    }
    if (!options_.images) {
      out_ += "<p>Pictures are left out of this report on request.</p>";
    } else {
      pictures_.open(run);
      if (!pictures_.problem().empty()) put("<p>{}</p>", escape(pictures_.problem()));
    }
    for (std::size_t i = 0; i < run.rounds.size(); ++i)
      round(run, i);
  }

  void round(const RunRecord& run, std::size_t i) {
    const Round& round = run.rounds[i];
    std::string line =
        (round.rule == kStartSet
             ? counted(static_cast<index_t>(round.picks.size()), "label", "labels") +
                   " at the start"
             : counted(static_cast<index_t>(round.picks.size()), "label asked", "labels asked")) +
        fmt::format(", {} in all", round.labels);
    if (round.metrics) {
      line += fmt::format(", then AUC {}", share(round.metrics->auc));
      if (i > 0 && run.rounds[i - 1].metrics) {
        const double change = round.metrics->auc - run.rounds[i - 1].metrics->auc;
        if (std::isfinite(change)) line += fmt::format(" ({})", signed_share(change));
      }
    }
    const bool open = runs_.size() == 1 && (i == 0 || i + 1 == run.rounds.size());
    put("<details{}><summary>Round {}<span>{}</span></summary><div class='body'>",
        open ? " open" : "", round.round, escape(line));
    std::string by = round.rule == kStartSet
                         ? "Nobody was asked: these labels came with the data set."
                         : fmt::format("Asked by the rule {}.", round.rule);
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
    put("<p class='meta'>{}</p>", escape(by));
    if (!round.fit.empty()) {
      out_ += "<details class='inner'><summary>What the trainer did</summary><div class='body'>";
      facts(round.fit);
      out_ += "</div></details>";
    }
    if (round.rule == kStartSet) {
      // as many as the data set has: not shown one by one
    } else if (round.picks.empty()) {
      out_ += "<p>Nothing was asked in this round.</p>";
    } else {
      out_ += "<ol class='picks'>";
      for (std::size_t rank = 0; rank < round.picks.size(); ++rank)
        pick(run, round.picks[rank], rank);
      out_ += "</ol>";
    }
    out_ += "</div></details>";
  }

  void pick(const RunRecord& run, const Pick& pick, std::size_t rank) {
    const std::string name = names_.image(pick);
    const std::string label = class_name(run, pick.label);
    Pictures::Set shown;
    if (options_.images) shown = pictures_.of(run, pick);

    put("<li class='pick{}'>", options_.images ? "" : " bare");
    if (!shown.whole.uri.empty()) {
      put("<img class='whole' width='{}' height='{}' alt='{}' src='{}'>", shown.whole.width,
          shown.whole.height, escape(fmt::format("{}, {}", name, label)), shown.whole.uri);
    } else if (options_.images) {
      put("<div class='none'>{}</div>", escape(shown.missing));
    }
    put("<div class='text'><div class='path'><span class='rank'>{}.</span> {}</div>", rank,
        escape(name));
    put("<div class='meta'>Reader: <b>{}</b>", escape(label));
    const std::string group = names_.group(pick);
    if (!group.empty()) put(" · group {}", escape(group));
    out_ += "</div>";
    if (pick.dominant >= 0) {
      put("<div class='meta'>Network before: {} {}", escape(class_name(run, pick.dominant)),
          share(mean_probability(pick)));
      if (pick.label >= 0) {
        const bool right = pick.dominant == pick.label;
        put(" <span class='{}'>{}</span>", right ? "right" : "wrong",
            right ? "agrees" : "disagrees");
      }
      out_ += "</div>";
    }
    if (std::isfinite(pick.score)) {
      put("<div class='numbers'><span>score <b>{}</b></span>", figure(pick.score));
      if (std::isfinite(pick.entropy)) put("<span>entropy <b>{}</b></span>", figure(pick.entropy));
      if (std::isfinite(pick.diversity))
        put("<span>diversity <b>{}</b></span>", figure(pick.diversity));
      out_ += "</div>";
    }
    if (!pick.reason.empty()) put("<p class='why'>{}</p>", escape(in_words(run, pick)));
    out_ += "</div>";
    if (!pick.kept.empty() || !pick.probabilities.empty()) views(run, pick, shown);
    out_ += "</li>";
  }

  void views(const RunRecord& run, const Pick& pick, const Pictures::Set& shown) {
    const bool known = pick.dominant >= 0 && !pick.probabilities.empty();
    const std::string what =
        known ? fmt::format("Probability of {} in each view", class_name(run, pick.dominant))
              : "Views";
    put("<div class='views-of'>{}</div><ul class='views'>", escape(what));
    for (index_t view = 0; view < pick.views; ++view) {
      const bool kept = std::find(pick.kept.begin(), pick.kept.end(), view) != pick.kept.end();
      put("<li class='{}'>", pick.kept.empty() ? "plain" : kept ? "kept" : "dropped");
      if (static_cast<std::size_t>(view) < shown.views.size()) {
        const Picture& picture = shown.views[static_cast<std::size_t>(view)];
        put("<img width='{}' height='{}' alt='view {}' title='{}' src='{}'>", picture.width,
            picture.height, view, escape(picture.hint), picture.uri);
      }
      if (known) out_ += share(pick.probabilities[static_cast<std::size_t>(view)]);
      if (!pick.kept.empty()) put("<em>{}</em>", kept ? "kept" : "dropped");
      out_ += "</li>";
    }
    out_ += "</ul>";
  }

  // ------------------------------------------------------------------ settings, times, the rest

  void facts(const RunRecord::Facts& list) {
    out_ += "<dl class='facts'>";
    for (const auto& [key, value] : list) {
      put("<dt>{}</dt><dd>{}</dd>", escape(key), escape(value));
    }
    out_ += "</dl>";
  }

  /// Paths tell about the machine and the data set, so pseudonyms cover them too.
  static bool is_path(const std::string& value) { return value.find('/') != std::string::npos; }

  void details(const RunRecord& run, int level) {
    put("<h{0} id='{1}'>Settings and times</h{0}>", level, anchor(run, "details"));
    times(run);
    bad_images(run);
    out_ +=
        "<details><summary>Settings<span>config.toml: all that is needed to run it "
        "again</span></summary><div class='body'>";
    for (const auto& [table, list] : run.settings) {
      if (list.empty()) continue;
      RunRecord::Facts shown;
      for (const auto& [key, value] : list) {
        shown.emplace_back(key, names_.pseudonyms() && is_path(value) ? "withheld" : value);
      }
      put("<h3>[{}]</h3>", escape(table));
      facts(shown);
    }
    out_ += "</div></details>";
    if (!run.environment.empty()) {
      out_ +=
          "<details><summary>Machine and build<span>what reproduces it bit for "
          "bit</span></summary><div class='body'>";
      facts(run.environment);
      out_ += "</div></details>";
    }
  }

  void times(const RunRecord& run) {
    std::vector<std::string> columns;
    for (const Round& round : run.rounds) {
      for (const auto& [what, seconds] : round.seconds) {
        if (std::find(columns.begin(), columns.end(), what) == columns.end())
          columns.push_back(what);
      }
    }
    if (columns.empty()) return;
    out_ +=
        "<div class='panel scroll'><table><caption>Time per round</caption><thead><tr><th "
        "scope='col'>Round</th>";
    for (const std::string& column : columns)
      put("<th scope='col'>{}</th>", escape(column));
    out_ += "</tr></thead><tbody>";
    for (const Round& round : run.rounds) {
      put("<tr><td>{}</td>", round.round);
      for (const std::string& column : columns) {
        const auto at = std::find_if(round.seconds.begin(), round.seconds.end(),
                                     [&](const auto& entry) { return entry.first == column; });
        put("<td>{}</td>", at == round.seconds.end() ? "" : duration(at->second));
      }
      out_ += "</tr>";
    }
    out_ += "</tbody></table></div>";
  }

  void bad_images(const RunRecord& run) {
    if (run.bad_images.empty()) return;
    put("<details><summary>Images left out<span>{} could not be read</span></summary><div "
        "class='body'>",
        counted(static_cast<index_t>(run.bad_images.size()), "image", "images"));
    if (names_.pseudonyms()) {
      out_ += "<p>Their names are withheld in this report.</p>";
    } else {
      out_ += "<dl class='facts'>";
      for (std::size_t i = 0; i < std::min(run.bad_images.size(), kMaxBadListed); ++i) {
        put("<dt>{}</dt><dd>{}</dd>", escape(run.bad_images[i].first),
            escape(run.bad_images[i].second));
      }
      out_ += "</dl>";
      if (run.bad_images.size() > kMaxBadListed) {
        put("<p>and {} more, in state.json of the run.</p>", run.bad_images.size() - kMaxBadListed);
      }
    }
    out_ += "</div></details>";
  }

  void foot() {
    put("<footer>Made by aift {}. This file is complete in itself: it loads nothing and runs no "
        "script.",
        version());
    if (options_.images && pictures_.left_out() > 0) {
      put(" To keep its size reasonable, the pictures of {} are left out (of {} pictures in all at "
          "most).",
          counted(pictures_.left_out(), "pick", "picks"), options_.max_pictures);
    }
    if (names_.pseudonyms()) {
      out_ +=
          " Image numbers are positions in the data set, counted from 0; group numbers likewise.";
      if (options_.images)
        out_ += " The pictures themselves are unchanged and may show text that names a patient.";
    }
    out_ += "</footer></body></html>\n";
  }

  std::span<const RunRecord> runs_;
  const ReportOptions& options_;
  Names names_;
  Pictures pictures_;
  std::string out_;
};

}  // namespace

void write_report(std::span<const std::filesystem::path> runs, const ReportOptions& options,
                  const std::filesystem::path& out) {
  AIFT_EXPECT(!runs.empty(), ValueError, "A report needs at least one run folder; none was given.");
  AIFT_EXPECT(options.thumbnail >= 32 && options.thumbnail <= 512 && options.view >= 24 &&
                  options.view <= 512,
              ValueError,
              "Pictures of a report must have 32 (views: 24) to 512 pixels; got {} and {}.",
              options.thumbnail, options.view);
  std::vector<RunRecord> records;
  records.reserve(runs.size());
  for (const auto& folder : runs)
    records.push_back(read_run(folder));
  write_file_atomically(out, Writer(records, options).html());
}

}  // namespace aift::io
