// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include <aift/bench/memory_meter.hpp>
#include <aift/score/pool.hpp>

namespace aift::app {

struct RunArguments;

/// What scores predictions behind one pointer: score::score_pool, or its twin on a GPU.
using PoolScorer = std::function<ScoreTable(const PatchPredictions& all,
                                            const score::PoolScoring& how, index_t chunk_bytes,
                                            const std::function<void(index_t, index_t)>& scored)>;

// One function per command of the program, each in a file of its own (score.cpp, run.cpp, ...). It
// adds its sub-command with options, a description and a footer that holds an example, and sets a
// callback that does the work; what needs LibTorch is handed in. The callback lets aift::Error
// through: main() turns ValueError, ShapeError and IoError into exit status 2, CancelledError into
// 130 and the rest into 1.

/// Adds --seed to a command; a number below 0 is refused.
void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& what);

/// aift score: scores and ranks predictions that any runtime made. `gpu` is asked for the scorer of
/// --device cuda before anything is opened, and refuses where there is none.
void add_score_command(CLI::App& app, std::function<PoolScorer()> gpu);
/// aift select: picks what to label next, with any selector, from arrays that any program made.
void add_select_command(CLI::App& app);
/// aift run: the whole loop, from images without labels to a classifier and a learning curve.
void add_run_command(CLI::App& app, std::function<void(const RunArguments&)> work);
/// aift models: lists architectures and weights (`list`), inspects a weight file.
void add_models_command(CLI::App& app, std::function<void()> list);
/// aift report: one HTML file from one or several run folders.
void add_report_command(CLI::App& app);
/// aift bench: compares selectors on tasks and seeds; `meter` counts the memory of queries.
void add_bench_command(CLI::App& app, bench::MemoryMeter& meter);

/// aift phantom: writes generated data.
void add_phantom_command(CLI::App& app);
/// aift ct: CT volumes, candidates for emboli, their patches, FROC.
void add_ct_command(CLI::App& app);
/// aift phantom ctpa, where CT is built.
void add_ctpa_phantom(CLI::App& phantom);

}  // namespace aift::app
