// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/progress.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/module_model.hpp>

// The views that a training looks at, and what the frozen stages of a network make of them.
namespace aift::nn::tuning {

using torch::Tensor;

inline constexpr index_t kForwardBatch = 32;

/// What the parts of a recipe share.
struct Task {
  const FineTuneOptions& options;
  const TrainingRound& round;
  Progress& progress;
  PatchFormat format;
  index_t classes = 0;
  torch::Device device;         ///< where the network lives
  std::vector<label_t> labels;  ///< [n]
  std::vector<index_t> groups;  ///< [n]
  index_t steps_done = 0;       ///< for progress: rendered batches of views and training steps
  index_t steps_planned = 0;    ///< known before the first one; never changes

  [[nodiscard]] index_t size() const { return std::ssize(labels); }
  [[nodiscard]] const CandidateRef& candidate(index_t i) const {
    return round.samples[static_cast<std::size_t>(i)].candidate;
  }
  /// The plan is made: tells it, and stops when asked to.
  void begin(index_t steps) {
    steps_planned = steps;
    advance(0);
  }
  /// So many steps are done, or will not be needed: tells, and stops when asked to.
  void advance(index_t steps = 1) {
    steps_done += steps;
    progress.report("train", steps_done, steps_planned);
    throw_if_cancelled(progress);
  }
};

/// Indices of fresh training views start here, so that they are not those of the fixed ones.
inline constexpr index_t kFreshViews = 1024;

/// Rows of activations, those of a picture as [n, H, W, C] so that a gathered batch is
/// channels-last.
class Rows {
 public:
  void start(const Tensor& first, index_t rows) {
    planes_ = first.dim() == 4;
    const Tensor stored = planes_ ? first.permute({0, 2, 3, 1}) : first;
    std::vector<std::int64_t> shape = stored.sizes().vec();
    shape[0] = rows;
    values_ = torch::empty(shape, first.options());
  }
  [[nodiscard]] bool started() const { return values_.defined(); }
  void put(index_t at, const Tensor& block) {
    values_.narrow(0, at, block.size(0)).copy_(planes_ ? block.permute({0, 2, 3, 1}) : block);
  }
  [[nodiscard]] Tensor get(const std::vector<index_t>& rows) const {
    return shaped(values_.index_select(
        0, torch::from_blob(const_cast<index_t*>(rows.data()), {std::ssize(rows)}, torch::kInt64)
               .to(values_.device())));
  }
  [[nodiscard]] Tensor get(index_t first, index_t count) const {
    return shaped(values_.narrow(0, first, count));
  }

 private:
  [[nodiscard]] Tensor shaped(const Tensor& stored) const {
    return planes_ ? stored.permute({0, 3, 1, 2}) : stored;
  }
  Tensor values_;
  bool planes_ = false;
};

/// What the frozen stages make of the views: in memory, or computed whenever it is needed.
struct Views {
  index_t count = 0;        ///< V views per candidate
  index_t first_stage = 0;  ///< stages before it are frozen
  bool cached = false;
  Rows rows;                 ///< [n V] when cached
  Network::Compiled frozen;  ///< stages [0, first_stage)
};

/// On the device of the network: where that is another one, a copy.
Tensor as_patches(std::span<const float> pixels, const Task& task);

/// Batches in which the V views of all candidates are rendered.
index_t view_batches(const Task& task, index_t views);

/// Views per candidate.
index_t view_count(const Task& task);

/// Chooses number and place of the views; the cache is not filled yet.
Views plan_views(const Task& task, const Network& network, index_t first_stage);

/// Renders all views into the cache, if there is one.
void fill_cache(Task& task, Views& views);

/// Features of every view, [n V, d], after the stages of `network`.
std::vector<float> features_of(Task& task, const Views& views, const Network& network);

/// Views per candidate that are cheap to look at: the first `views` of those there are.
std::vector<float> features_of(Task& task, const Views& views, const Network& network,
                               const std::vector<index_t>& candidates, index_t looked_at);

}  // namespace aift::nn::tuning
