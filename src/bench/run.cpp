// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/run.hpp>

#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/core/version.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

#include "src/bench/digest.hpp"
#include "src/bench/names.hpp"

namespace aift::bench {

namespace {

namespace fs = std::filesystem;

/// One curve of the plan: selector -1 is the reference with all labels.
struct Cell {
  std::size_t seed = 0;
  std::size_t task = 0;
  std::ptrdiff_t selector = -1;
};

void add_numbers(Digest& digest, std::initializer_list<double> numbers) {
  for (const double number : numbers)
    digest.add(std::string_view(io::shortest(number)));
}

/// What the numbers of a curve depend on.
std::string key_of(const Plan& plan, const std::vector<TaskSource>& sources, const Cell& cell) {
  Digest digest;
  digest.add(fmt::format("aift bench 2, {}", version()));
  digest.add(sources[cell.task].digest());
  digest.add(plan.seeds[cell.seed]);
  const Protocol& p = plan.tasks[cell.task].protocol;
  for (const double l2 : p.probe.l2_grid)
    add_numbers(digest, {l2});
  add_numbers(digest, {-1, p.probe.default_l2, p.probe.tolerance, p.probe.cv_tolerance});
  for (const index_t number :
       {p.probe.folds, p.probe.max_iterations, p.probe.cv_max_iterations,
        index_t{p.probe.standardise ? 1 : 0}, index_t{p.probe.balance_classes ? 1 : 0}})
    digest.add(static_cast<std::uint64_t>(number));
  if (cell.selector >= 0) {
    for (const index_t number : {p.initial, p.budget, p.rounds})
      digest.add(static_cast<std::uint64_t>(number));
    digest.add(std::string_view(p.first));
    const SelectorSpec& selector = plan.selectors[static_cast<std::size_t>(cell.selector)];
    digest.add(std::string_view(selector.name));
    for (const auto& [name, value] : selector.settings) {
      digest.add(std::string_view(name));
      digest.add(std::string_view(value));
    }
    digest.add(std::string_view(selector.rules.text()));
  }
  return fmt::format("{:016x}", digest.value());
}

std::string_view selector_label(const Plan& plan, const Cell& cell) {
  return cell.selector < 0
             ? kAllLabels
             : std::string_view(plan.selectors[static_cast<std::size_t>(cell.selector)].label);
}

fs::path file_of(const Plan& plan, const fs::path& out, const Cell& cell) {
  return out / "cells" / folder_name(plan.tasks[cell.task].spec.name) /
         folder_name(selector_label(plan, cell)) / fmt::format("{}.csv", plan.seeds[cell.seed]);
}

/// The points of a file with this key; nothing when there is none.
std::vector<CurvePoint> found(const fs::path& file, const std::string& key) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  const std::string text = io::read_text_file(file);
  const auto line = text.find('\n');
  if (line == std::string::npos || text.compare(0, line, "# key " + key) != 0) return {};
  return parse_curves(std::string_view(text).substr(line + 1), file.string());
}

/// Draws of tasks; the last few stay, as curves of one seed come one after another.
class Draws {
 public:
  Draws(const Plan& plan, const std::vector<TaskSource>& sources, std::size_t most)
      : plan_(plan), sources_(sources), most_(most) {}
  std::shared_ptr<const TaskData> of(const Cell& cell) {
    const std::lock_guard lock(mutex_);
    const std::pair key(cell.task, cell.seed);
    for (const auto& [held, data] : held_) {
      if (held == key) return data;
    }
    auto data = std::make_shared<const TaskData>(sources_[cell.task].draw(plan_.seeds[cell.seed]));
    held_.emplace_back(key, data);
    if (held_.size() > most_) held_.pop_front();
    return data;
  }

 private:
  const Plan& plan_;
  const std::vector<TaskSource>& sources_;
  std::size_t most_;
  std::mutex mutex_;
  std::list<std::pair<std::pair<std::size_t, std::size_t>, std::shared_ptr<const TaskData>>> held_;
};

/// One at a time.
class SharedProgress final : public Progress {
 public:
  explicit SharedProgress(Progress& progress) : progress_(progress) {}
  void report(std::string_view stage, index_t done, index_t total) override {
    const std::lock_guard lock(mutex_);
    progress_.report(stage, done, total);
  }
  void note(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    progress_.note(line);
  }
  [[nodiscard]] bool cancelled() const override {
    const std::lock_guard lock(mutex_);
    return progress_.cancelled();
  }

 private:
  Progress& progress_;
  mutable std::mutex mutex_;
};

}  // namespace

RunOutcome run_plan(const Plan& plan, const SelectorRegistry& registry, const RunOptions& options,
                    Progress& given) {
  plan.validate();
  std::vector<std::unique_ptr<Selector>> selectors;
  for (const SelectorSpec& spec : plan.selectors)
    selectors.push_back(registry.make(spec.name, Settings(spec.settings)));
  RunOutcome outcome;
  std::vector<TaskSource> sources;
  for (const PlannedTask& task : plan.tasks) {
    sources.emplace_back(task.spec);
    outcome.synthetic = outcome.synthetic || sources.back().spec().synthetic;
  }

  std::vector<Cell> cells;
  for (std::size_t seed = 0; seed < plan.seeds.size(); ++seed) {
    for (std::size_t task = 0; task < plan.tasks.size(); ++task) {
      for (std::ptrdiff_t s = -1; s < std::ssize(plan.selectors); ++s)
        cells.push_back({seed, task, s});
    }
  }
  outcome.curves = std::ssize(cells);
  std::vector<std::vector<CurvePoint>> curves(cells.size());
  std::vector<std::size_t> missing;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    curves[c] = found(file_of(plan, options.out, cells[c]), key_of(plan, sources, cells[c]));
    if (curves[c].empty()) missing.push_back(c);
  }
  outcome.found = outcome.curves - std::ssize(missing);
  if (options.only_collect) missing.clear();

  ThreadExecutor executor(options.threads);
  SharedProgress progress(given);
  Draws draws(plan, sources, static_cast<std::size_t>(executor.workers()) + 1);
  std::mutex mutex;
  index_t done = 0;
  std::vector<std::string> failures(cells.size());
  const auto work = [&](index_t index, int) {
    const std::size_t c = missing[static_cast<std::size_t>(index)];
    const Cell& cell = cells[c];
    const PlannedTask& task = plan.tasks[cell.task];
    const std::uint64_t seed = plan.seeds[cell.seed];
    throw_if_cancelled(progress);
    try {
      const auto data = draws.of(cell);
      const auto s = static_cast<std::size_t>(cell.selector);
      const auto curve = cell.selector < 0
                             ? run_all_labels(*data, task.protocol, task.spec.name, seed)
                             : run_curve(*data, task.protocol, plan.selectors[s], *selectors[s],
                                         task.spec.name, seed, progress, options.meter);
      const fs::path file = file_of(plan, options.out, cell);
      fs::create_directories(file.parent_path());
      const std::string text = curves_csv(curve);
      io::write_file_atomically(file, "# key " + key_of(plan, sources, cell) + "\n" + text);
      curves[c] = parse_curves(text, file.string());  // what a later call finds, digit by digit
    } catch (const IoError&) {
      throw;
    } catch (const CancelledError&) {
      throw;
    } catch (const fs::filesystem_error& error) {
      throw IoError(
          fmt::format("{} could not be made: {}.", options.out.string(), error.code().message()));
    } catch (const Error& error) {
      failures[c] = fmt::format("{}, {}, seed {}: {}", task.spec.name, selector_label(plan, cell),
                                seed, error.what());
      progress.note(failures[c]);
    }
    const std::lock_guard lock(mutex);
    progress.report("curves", ++done, std::ssize(missing));
  };
  executor.run(std::ssize(missing), work);

  // In the order of the plan: tasks, selectors, seeds.
  const std::size_t per_task = plan.selectors.size() + 1;
  for (std::size_t task = 0; task < plan.tasks.size(); ++task) {
    for (std::size_t s = 0; s < per_task; ++s) {
      for (std::size_t seed = 0; seed < plan.seeds.size(); ++seed) {
        const auto& curve = curves[(seed * plan.tasks.size() + task) * per_task + s];
        outcome.points.insert(outcome.points.end(), curve.begin(), curve.end());
      }
    }
  }
  for (std::string& failure : failures) {
    if (!failure.empty()) outcome.failures.push_back(std::move(failure));
  }
  std::error_code ignored;
  fs::create_directories(options.out, ignored);
  io::write_file_atomically(options.out / "curves.csv", curves_csv(outcome.points));
  return outcome;
}

}  // namespace aift::bench
