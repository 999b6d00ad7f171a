// SPDX-License-Identifier: Apache-2.0
#pragma once

// A project with a model that is no network (tests/loop/fake_model.hpp), and readers who know.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <aift/store/audit.hpp>
#include <aift/store/export.hpp>
#include <aift/store/project.hpp>
#include <aift/store/training.hpp>

#include "loop/fake_world.hpp"
#include "support/catch.hpp"

namespace aift::test {

struct StoreWorld {
  explicit StoreWorld(index_t samples = 60, std::uint64_t seed = 1)
      : truth(make_dataset(samples, 2, 5)),
        source(truth),
        augmenter(seed),
        initial(2) {
    settings.classes = truth.class_names;
    settings.budget = 5;
    settings.seed = seed;
    settings.gate.on = false;
    folder = dir / "project";
  }

  void create() { store::Project::create(folder, settings, without_pool_labels(truth), options); }
  store::Project open() { return store::Project(folder, options); }

  store::TrainingParts parts() {
    store::TrainingParts parts;
    parts.initial = &initial;
    parts.initial_hash = "zeros";
    parts.trainer = trainer;
    parts.augmenter = &augmenter;
    parts.source = &source;
    parts.load = LinearModel::load;
    parts.batch = 8;
    return parts;
  }
  store::TrainingOutcome train(store::Project& project, bool partial = false) {
    return store::train(project, parts(), watch, partial);
  }

  std::vector<store::Answer> answers(const store::StoreQuery& query,
                                     const std::string& reader = "Dr A") const {
    std::vector<store::Answer> list;
    for (const store::StorePick& pick : query.picks) {
      store::Answer answer;
      answer.sample = pick.sample.sid;
      answer.reader = reader;
      answer.label = truth.labels[static_cast<std::size_t>(pick.sample.number)];
      list.push_back(answer);
    }
    return list;
  }

  /// Rounds of asking, answering and training.
  void rounds(store::Project& project, int count) {
    for (int r = 0; r < count; ++r) {
      project.label(answers(project.query()));
      (void)train(project);
    }
  }

  TempDir dir;
  std::filesystem::path folder;
  io::Dataset truth;
  ColourSource source;
  GainAugmenter augmenter;
  LinearModel initial;
  CentroidTrainer centroids;
  IncrementalTrainer* trainer = &centroids;
  Watch watch;
  store::ProjectSettings settings;
  store::OpenOptions options;
};

/// The message of what `call` throws; empty when it does not.
template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace aift::test
