// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/plan.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join: where version 12, which LibTorch brings, has it
#include <toml++/toml.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/numbers.hpp>

#include "src/bench/names.hpp"

namespace aift::bench {

namespace {

/// One table of the file: values by key, and every key that nobody asked for is refused.
class Reader {
 public:
  Reader(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const toml::node* get(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }
  void text(const char* key, std::string& value) {
    if (const toml::node* node = get(key)) {
      if (!node->is_string()) wrong(key, "text in quotes");
      value = *node->value<std::string>();
    }
  }
  void integer(const char* key, index_t& value) {
    if (const toml::node* node = get(key)) {
      if (!node->is_integer()) wrong(key, "a whole number");
      value = *node->value<index_t>();
    }
  }
  void number(const char* key, double& value) {
    if (const toml::node* node = get(key)) {
      if (!node->is_number()) wrong(key, "a number");
      value = *node->value<double>();
    }
  }
  void flag(const char* key, bool& value) {
    if (const toml::node* node = get(key)) {
      if (!node->is_boolean()) wrong(key, "true or false");
      value = *node->value<bool>();
    }
  }
  void numbers(const char* key, std::vector<double>& value) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    value.clear();
    if (node->is_number()) {
      value.push_back(*node->value<double>());
      return;
    }
    if (!node->is_array()) wrong(key, "a number or a list of numbers");
    for (const toml::node& one : *node->as_array()) {
      if (!one.is_number()) wrong(key, "a number or a list of numbers");
      value.push_back(*one.value<double>());
    }
  }
  void expect_all_known() const {
    for (const auto& [key, node] : table_) {
      AIFT_EXPECT(known_.contains(std::string(key.str())), ValueError,
                  "{}: there is no key \"{}\"; known are {}.", where_, key.str(),
                  fmt::join(known_, ", "));
    }
  }
  [[noreturn]] void wrong(const char* key, std::string_view wanted) const {
    throw ValueError(fmt::format("{}: {} must be {}.", where_, key, wanted));
  }

 private:
  const toml::table& table_;
  std::string where_;
  std::set<std::string> known_;
};

void read_protocol(Reader& reader, Protocol& protocol) {
  reader.integer("initial", protocol.initial);
  reader.text("first", protocol.first);
  reader.integer("budget", protocol.budget);
  reader.integer("rounds", protocol.rounds);
  reader.numbers("l2", protocol.probe.l2_grid);
  reader.integer("folds", protocol.probe.folds);
  reader.number("tolerance", protocol.probe.tolerance);
  reader.flag("standardise", protocol.probe.standardise);
  reader.flag("balance_classes", protocol.probe.balance_classes);
}

std::vector<std::uint64_t> read_seeds(Reader& reader) {
  const toml::node* node = reader.get("seeds");
  std::vector<std::uint64_t> seeds;
  const auto seed = [&](const toml::node& one) {
    const auto value = one.is_integer() ? *one.value<std::int64_t>() : -1;
    if (value < 0) reader.wrong("seeds", "a number of seeds, or a list of whole numbers");
    return value;
  };
  if (node == nullptr) return {1, 2, 3, 4, 5};
  if (!node->is_array()) {
    const std::int64_t count = seed(*node);
    if (count < 1 || count > 100000) reader.wrong("seeds", "1 to 100,000 seeds");
    for (std::int64_t s = 1; s <= count; ++s)
      seeds.push_back(static_cast<std::uint64_t>(s));
    return seeds;
  }
  for (const toml::node& one : *node->as_array())
    seeds.push_back(static_cast<std::uint64_t>(seed(one)));
  return seeds;
}

std::string option_text(const toml::node& node, const std::string& where) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto whole = node.value_exact<std::int64_t>()) return fmt::format("{}", *whole);
  if (const auto number = node.value_exact<double>()) return io::shortest(*number);
  throw ValueError(fmt::format("{}: set must hold texts, numbers, true or false.", where));
}

SelectorSpec read_selector(const toml::node& node, std::size_t number, std::string_view name) {
  const std::string where = fmt::format("{}, selector {}", name, number);
  SelectorSpec out;
  if (node.is_string()) {
    out.name = out.label = *node.value<std::string>();
    return out;
  }
  AIFT_EXPECT(node.is_table(), ValueError, "{} must be a name or a table.", where);
  Reader reader(*node.as_table(), where);
  reader.text("name", out.name);
  out.label = out.name;
  reader.text("label", out.label);
  if (const toml::node* set = reader.get("set")) {
    if (!set->is_table()) reader.wrong("set", "a table of options");
    for (const auto& [key, value] : *set->as_table())
      out.settings[std::string(key.str())] = option_text(value, where);
  }
  if (const toml::node* batch = reader.get("batch")) {
    if (!batch->is_table()) reader.wrong("batch", "a table of rules");
    Reader rules(*batch->as_table(), where + ", batch");
    rules.integer("max_per_group", out.rules.max_per_group);
    rules.number("veto_similarity", out.rules.veto_similarity);
    rules.flag("against_labelled", out.rules.against_labelled);
    rules.number("audit_share", out.rules.audit_share);
    rules.expect_all_known();
  }
  reader.expect_all_known();
  return out;
}

PlannedTask read_task(const toml::node& node, std::size_t number, const Protocol& defaults,
                      const std::filesystem::path& folder, std::string_view name) {
  const std::string where = fmt::format("{}, task {}", name, number);
  AIFT_EXPECT(node.is_table(), ValueError, "{} must be a table.", where);
  Reader reader(*node.as_table(), where);
  PlannedTask out;
  out.protocol = defaults;
  TaskSpec& spec = out.spec;
  reader.text("generate", spec.generate);
  std::string features;
  std::string candidates;
  reader.text("features", features);
  reader.text("candidates", candidates);
  if (!features.empty()) spec.features = folder / features;
  if (!candidates.empty()) spec.candidates = folder / candidates;
  spec.name = spec.generate;
  reader.text("name", spec.name);
  spec.synthetic = !spec.generate.empty();
  reader.flag("synthetic", spec.synthetic);
  reader.integer("pool", spec.pool);
  reader.integer("test", spec.test);
  reader.number("test_share", spec.test_share);
  reader.number("imbalance", spec.imbalance);
  reader.number("label_noise", spec.label_noise);
  reader.number("duplicates", spec.duplicates);
  read_protocol(reader, out.protocol);
  reader.expect_all_known();
  AIFT_EXPECT(features.empty() || !candidates.empty(), ValueError,
              "{}: features need candidates, a CSV with the column label.", where);
  return out;
}

template <class Specs, class Name>
void expect_distinct(const Specs& specs, const Name& name_of, const char* what) {
  std::set<std::string> files;
  for (const auto& spec : specs) {
    const std::string& name = name_of(spec);
    AIFT_EXPECT(!name.empty(), ValueError, "Every {} needs a name.", what);
    AIFT_EXPECT(files.insert(folder_name(name)).second, ValueError,
                "The {} \"{}\" comes twice (names that differ in signs only count as one); give "
                "each a name of its own.",
                what, name);
  }
}

}  // namespace

void Plan::validate() const {
  AIFT_EXPECT(!seeds.empty() && std::set(seeds.begin(), seeds.end()).size() == seeds.size(),
              ValueError, "A plan needs seeds, each once; got {}.", seeds.size());
  AIFT_EXPECT(!tasks.empty(), ValueError, "A plan needs at least one task.");
  AIFT_EXPECT(!selectors.empty(), ValueError, "A plan needs at least one selector.");
  expect_distinct(
      tasks, [](const PlannedTask& t) -> const std::string& { return t.spec.name; }, "task");
  expect_distinct(
      selectors, [](const SelectorSpec& s) -> const std::string& { return s.label; }, "selector");
  AIFT_EXPECT(metric == "auc" || metric == "balanced_accuracy" || metric == "accuracy", ValueError,
              "metric must be auc, balanced_accuracy or accuracy; got \"{}\".", metric);
  AIFT_EXPECT(std::any_of(selectors.begin(), selectors.end(),
                          [&](const SelectorSpec& s) { return s.label == baseline; }),
              ValueError, "The baseline \"{}\" is not among the selectors; add it or name another.",
              baseline);
  for (const PlannedTask& task : tasks) {
    const Protocol& p = task.protocol;
    AIFT_EXPECT(p.initial >= 0, ValueError, "Task \"{}\": initial must be at least 0; got {}.",
                task.spec.name, p.initial);
    AIFT_EXPECT(p.budget >= 1 && p.rounds >= 1, ValueError,
                "Task \"{}\": budget and rounds must be at least 1; got {} and {}.", task.spec.name,
                p.budget, p.rounds);
    AIFT_EXPECT(p.first == "random" || p.first == "stratified", ValueError,
                "Task \"{}\": first must be random or stratified; got \"{}\".", task.spec.name,
                p.first);
    AIFT_EXPECT(!p.probe.l2_grid.empty(), ValueError, "Task \"{}\": l2 needs at least one penalty.",
                task.spec.name);
  }
  for (const SelectorSpec& selector : selectors)
    selector.rules.validate();
}

Plan parse_plan(std::string_view text, const std::filesystem::path& folder, std::string_view name) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw ValueError(
        fmt::format("{}, line {}: {}.", name, error.source().begin.line, error.description()));
  }
  Reader reader(root, std::string(name));
  Plan plan;
  reader.text("title", plan.title);
  plan.seeds = read_seeds(reader);
  reader.text("baseline", plan.baseline);
  reader.text("metric", plan.metric);
  Protocol defaults;
  read_protocol(reader, defaults);
  const toml::node* tasks = reader.get("tasks");
  const toml::node* selectors = reader.get("selectors");
  AIFT_EXPECT(tasks != nullptr && tasks->is_array(), ValueError,
              "{} must have tasks, one table [[tasks]] each.", name);
  AIFT_EXPECT(selectors != nullptr && selectors->is_array(), ValueError,
              "{} must have selectors: a list of names, or one table [[selectors]] each.", name);
  for (const toml::node& node : *tasks->as_array())
    plan.tasks.push_back(read_task(node, plan.tasks.size() + 1, defaults, folder, name));
  for (const toml::node& node : *selectors->as_array())
    plan.selectors.push_back(read_selector(node, plan.selectors.size() + 1, name));
  reader.expect_all_known();
  if (plan.title.empty()) plan.title = "Selection strategies";
  plan.validate();
  return plan;
}

Plan read_plan(const std::filesystem::path& file) {
  return parse_plan(io::read_text_file(file), file.parent_path(), file.string());
}

}  // namespace aift::bench
