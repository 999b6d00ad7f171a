// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/loop/linear_probe.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/loop/trainer.hpp>

#include "runtime_model.hpp"

// [begin trainer]
/// Fits a new head on the features of the parent: multinomial logistic regression whose penalty is
/// chosen by grouped cross-validation. No gradient of the network is needed, so any runtime will do.
class HeadTrainer final : public aift::IncrementalTrainer {
 public:
  std::string_view name() const noexcept override { return "head"; }

  aift::FitResult fit(const aift::Model& parent, const aift::TrainingRound& round,
                      aift::Progress& progress) override {
    const auto* model = dynamic_cast<const RuntimeModel*>(&parent);
    AIFT_EXPECT(model != nullptr, ValueError,
                "HeadTrainer needs a RuntimeModel; got a model of architecture {}.",
                parent.info().architecture);
    const aift::index_t d = parent.info().feature_size;
    const aift::index_t views = round.augmenter->patches(aift::Purpose::probe);

    std::vector<aift::CandidateRef> candidates;
    std::vector<aift::label_t> labels;  // one per view, as the features
    std::vector<aift::index_t> groups;
    for (const aift::LabelledCandidate& sample : round.samples) {
      candidates.push_back(sample.candidate);
      labels.insert(labels.end(), static_cast<std::size_t>(views), sample.label);
      groups.insert(groups.end(), static_cast<std::size_t>(views), sample.group);
    }
    std::vector<float> features(labels.size() * static_cast<std::size_t>(d));
    aift::predict_pool(parent, *round.augmenter, *round.source, candidates, aift::Purpose::probe,
                       round.round, {.features = true, .stage = "train"}, progress,
                       [&](const aift::PredictedChunk& chunk) {
                         std::copy(chunk.features.begin(), chunk.features.end(),
                                   features.begin() + chunk.first * views * d);
                       });

    aift::LinearProbe head = aift::fit_linear_probe({.features = features,
                                                     .feature_size = d,
                                                     .labels = labels,
                                                     .groups = groups,
                                                     .classes = round.classes,
                                                     .views = views},
                                                    {}, round.seed, round.round);
    aift::FitResult result;
    result.report.add("samples", std::to_string(candidates.size()));
    result.report.add("l2", fmt::format("{:.3g}", head.l2));
    result.model = model->with_head(std::move(head));
    return result;
  }
};
// [end trainer]
