// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_page.hpp"

#include <algorithm>
#include <cmath>

#include <aift/core/version.hpp>

#include "src/io/report_html.hpp"
#include "src/io/report_script.hpp"
#include "src/io/report_style.hpp"

namespace aift::io::report {

// ------------------------------------------------------------------ names

namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Whether `name` stands in `text` as a word of its own.
bool holds(const std::string& text, const std::string& name) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const auto end = at + name.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end])))
      return true;
  }
  return false;
}

}  // namespace

Names::Names(std::span<const RunRecord> runs, bool pseudonyms)
    : runs_(runs), pseudonyms_(pseudonyms) {
  if (!pseudonyms) return;
  const auto keep = [this](const std::string& name) {
    if (name.size() >= 3) secret_.insert(name);  // "0.png" must not hide every 0
  };
  const auto keep_path = [&](const std::string& path) {
    keep(path);
    keep(std::filesystem::path(path).filename().string());
    keep(std::filesystem::path(path).stem().string());
  };
  for (const RunRecord& run : runs) {
    keep(run.name);
    keep(run.data_name);
    keep_path(run.setting("run", "data"));
    for (const auto& [path, reason] : run.bad_images)
      keep_path(path);
    for (const RunRecord::Round& round : run.rounds) {
      for (const RunRecord::Pick& pick : round.picks) {
        keep_path(pick.path);
        keep(pick.group);
      }
    }
    for (const RunRecord::Prediction& one : run.predictions) {
      keep_path(one.path);
      keep(one.group);
    }
  }
  // what a report must be able to say: the classes and the settings' own words
  for (const RunRecord& run : runs) {
    for (const std::string& name : run.classes)
      secret_.erase(name);
    secret_.erase(run.setting("run", "selector"));
  }
}

std::string Names::run(const RunRecord& run) const {
  if (pseudonyms_) return fmt::format("run {}", &run - runs_.data() + 1);
  const auto namesakes = std::count_if(
      runs_.begin(), runs_.end(), [&](const RunRecord& other) { return other.name == run.name; });
  return namesakes > 1 ? run.name + ", seed " + run.setting("run", "seed") : run.name;
}

std::string Names::image(index_t candidate, const std::string& path) const {
  return pseudonyms_ ? fmt::format("image {}", candidate) : path;
}

std::string Names::group(const std::string& group, const std::string& path) {
  if (group.empty() || group == path) return {};
  if (!pseudonyms_) return group;
  const auto [at, added] = groups_.try_emplace(group, groups_.size());
  return fmt::format("{}", at->second);
}

std::string Names::text(const std::string& text) const {
  if (!pseudonyms_ || text.find_first_not_of("0123456789.,-+e") == std::string::npos) return text;
  const bool path = text.find('/') != std::string::npos || text.find('\\') != std::string::npos;
  const bool named = std::any_of(secret_.begin(), secret_.end(),
                                 [&](const std::string& name) { return holds(text, name); });
  return path || named ? "withheld" : text;
}

// ------------------------------------------------------------------ pieces

void Page::heading(const RunRecord& run, int level, std::string_view id, std::string_view text) {
  put("<h{0} id='{1}'>{2}{3}</h{0}>", level, id, text,
      run.synthetic ? " <span class='tag'>SYNTHETIC DATA</span>" : "");
}

void Page::facts(const RunRecord::Facts& list) {
  out += "<dl class='facts'>";
  for (const auto& [key, value] : list)
    put("<dt>{}</dt><dd>{}</dd>", escape(key), escape(names.text(value)));
  out += "</dl>";
}

Table::Table(Page& page, std::string_view caption, std::vector<std::string> columns)
    : page_(page), columns_(std::move(columns)) {
  page_.put("<div class='panel'><table><caption>{}</caption><thead><tr>", caption);
  for (const std::string& column : columns_) {
    const bool left = column.starts_with('<');
    page_.put("<th scope='col'{}>{}</th>", left ? " class='text'" : "",
              escape(std::string_view(column).substr(left ? 1 : 0)));
  }
  page_.out += "</tr></thead><tbody>";
}

Table::~Table() { page_.out += "</tbody></table></div>"; }

void Table::row(const std::vector<std::string>& cells) {
  page_.out += "<tr>";
  for (std::size_t c = 0; c < cells.size() && c < columns_.size(); ++c) {
    const bool left = columns_[c].starts_with('<');
    page_.put("<td{} data-th='{}'>{}</td>", left ? " class='text'" : "",
              escape(std::string_view(columns_[c]).substr(left ? 1 : 0)), escape(cells[c]));
  }
  page_.out += "</tr>";
}

std::string counted(index_t n, std::string_view one, std::string_view several) {
  return fmt::format("{} {}", n, n == 1 ? one : several);
}

std::string signed_share(double value) {
  return std::isfinite(value) ? fmt::format("{:+.3f}", value) : "n/a";
}

std::string interval(const Estimate& value, bool with_sign) {
  std::string text = with_sign ? signed_share(value.mean) : share(value.mean);
  if (std::isfinite(value.half)) text += fmt::format(" ± {:.3f}", value.half);
  return text;
}

std::string_view card(const Page& page, const RunRecord& run) {
  if (!page.options.images) return " bare";
  return run.volumes ? " sheet" : "";
}

std::string class_name(const RunRecord& run, label_t k) {
  return k < 0 ? "no label" : run.classes[static_cast<std::size_t>(k)];
}

const RunRecord::Round* first_tested(const RunRecord& run) {
  for (const RunRecord::Round& round : run.rounds) {
    if (round.metrics) return &round;
  }
  return nullptr;
}

const RunRecord::Round* last_tested(const RunRecord& run) {
  const RunRecord::Round* found = nullptr;
  for (const RunRecord::Round& round : run.rounds) {
    if (round.metrics) found = &round;
  }
  return found;
}

// ------------------------------------------------------------------ head and foot

namespace {

std::string title(const Page& page) {
  if (!page.options.title.empty()) return page.options.title;
  if (page.runs.size() == 1) {
    return (page.names.pseudonyms() ? "Learning " : "Learning run ") +
           page.names.run(page.runs.front());
  }
  return fmt::format("{} learning runs compared", page.runs.size());
}

std::string subtitle(const Page& page, const RunRecord& run) {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
  };
  if (!page.names.pseudonyms()) add(run.data_name);
  add(page.names.text(run.setting("run", "model")));
  const std::string selector = run.setting("run", "selector");
  if (!selector.empty()) add("selector " + selector);
  add(counted(static_cast<index_t>(run.rounds.size()), "round", "rounds"));
  std::string classes;
  for (const std::string& name : run.classes)
    classes += (classes.empty() ? "" : ", ") + name;
  add("classes " + classes);
  return text;
}

void synthetic_banner(Page& page) {
  const auto generated = std::count_if(page.runs.begin(), page.runs.end(),
                                       [](const RunRecord& run) { return run.synthetic; });
  if (generated == 0) return;
  page.put(
      "<p class='notice synthetic'><strong>SYNTHETIC DATA.</strong> {} generated images, not from "
      "patients.",
      page.runs.size() == 1 ? "This run used"
                            : fmt::format("{} of these {} runs used", generated, page.runs.size()));
  std::set<std::string> said;
  for (const RunRecord& run : page.runs) {
    if (!run.synthetic_sentence.empty() && said.insert(run.synthetic_sentence).second)
      page.put(" {}", escape(page.names.text(run.synthetic_sentence)));
  }
  page.out += "</p>";
}

}  // namespace

void write_head(Page& page) {
  const std::string heading = escape(title(page));
  // The policy forbids whatever this file does not contain itself, and every script but one.
  page.put(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">"
      "<meta name='viewport' content='width=device-width,initial-scale=1'>"
      "<meta name='generator' content='aift {}'><title>{} - AIFT report</title><style>{}</style>"
      "</head><body><a class='skip' href='#main'>Skip to the content</a><header><div class='in'>"
      "<div class='top'><div class='brand'>AIFT report</div>"
      "<button type='button' id='theme' hidden aria-pressed='false'>Dark</button></div>"
      "<h1>{}</h1>",
      kScriptHash, version(), heading, kStyle, heading);
  if (page.runs.size() == 1)
    page.put("<p class='sub'>{}</p>", escape(subtitle(page, page.runs.front())));
  synthetic_banner(page);
  page.out +=
      "<p class='notice'>For research. Nothing here is cleared for clinical use: the figures "
      "describe a training run, they are no advice on any patient.</p>";
  page.out += "<nav aria-label='Contents'><a href='#curve'>Learning curve</a>";
  if (page.runs.size() == 1) {
    const RunRecord& run = page.runs.front();
    if (!run.detections.empty())
      page.put("<a href='#{}'>Detection</a>", page.anchor(run, "detection"));
    for (const auto& [id, text] :
         {std::pair("mistakes", "Suspected label errors"), std::pair("batches", "Batches"),
          std::pair("rounds", "What was asked"), std::pair("details", "Settings and times")}) {
      page.put("<a href='#{}'>{}</a>", page.anchor(run, id), text);
    }
  } else {
    for (const RunRecord& run : page.runs)
      page.put("<a href='#{}'>{}</a>", page.anchor(run, "run"), escape(page.names.run(run)));
  }
  page.out += "</nav></div></header><main id='main' tabindex='-1'>";
}

void write_foot(Page& page) {
  page.put(
      "</main><footer><p><strong>Not for clinical use.</strong> Made by aift {}. This file is "
      "complete in itself: it loads nothing.",
      version());
  const Pictures& pictures = page.pictures;
  if (page.options.images && pictures.made() > 0) {
    page.put(" It holds {} of pictures for {}, {:.1f} kB each.",
             fmt::format("{:.1f} MB", static_cast<double>(pictures.bytes()) / 1e6),
             counted(pictures.shown(), "image", "images"),
             static_cast<double>(pictures.bytes()) / 1e3 / static_cast<double>(pictures.shown()));
  }
  if (page.options.images && pictures.left_out() > 0) {
    page.put(" To keep its size reasonable, views of {} are left out (of {} pictures at most).",
             counted(pictures.left_out(), "image", "images"), page.options.max_pictures);
  }
  if (page.names.pseudonyms()) {
    page.out +=
        " Image numbers are positions in the data set, counted from 0; group numbers are counted "
        "as they appear. Class names are shown as they are.";
    if (page.options.images)
      page.out += " The pictures themselves are unchanged and may show text that names a patient.";
  }
  page.put("</p></footer><script>{}</script></body></html>\n", kScript);
}

}  // namespace aift::io::report
