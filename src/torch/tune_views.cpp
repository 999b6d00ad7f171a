// SPDX-License-Identifier: Apache-2.0
#include "tune_views.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "view_renderer.hpp"

namespace aift::nn::tuning {
namespace {

/// View v of a candidate: the augmenter's fixed probe views, then training views of the round.
PatchPlan fixed_view(const Task& task, index_t candidate, index_t v) {
  const Augmenter& augmenter = *task.round.augmenter;
  return v < augmenter.patches(Purpose::probe)
             ? augmenter.plan(task.candidate(candidate), Purpose::probe, task.round.round, v)
             : augmenter.plan(task.candidate(candidate), Purpose::training, task.round.round, v);
}

/// Renders the V views of all candidates and hands over what the frozen stages give, in blocks.
template <class Take>
void for_all_views(Task& task, index_t views, const Network::Compiled& frozen, const Take& take) {
  const index_t total = task.size() * views;
  const index_t batches = view_batches(task, views);
  ViewRenderer renderer(*task.round.augmenter, *task.round.source, task.format, batches,
                        kForwardBatch, [&](index_t t) {
                          std::vector<PatchPlan> plans;
                          const index_t end = std::min(total, (t + 1) * kForwardBatch);
                          for (index_t row = t * kForwardBatch; row < end; ++row)
                            plans.push_back(fixed_view(task, row / views, row % views));
                          return plans;
                        });
  for (index_t t = 0; t < batches; ++t) {
    const Tensor x = as_patches(renderer.next(), task);
    take(t * kForwardBatch, frozen ? frozen(x) : x);
    task.advance();
  }
}

}  // namespace

Tensor as_patches(std::span<const float> pixels, const Task& task) {
  const PatchFormat& format = task.format;
  return torch::from_blob(
             const_cast<float*>(pixels.data()),
             {std::ssize(pixels) / format.elements(), format.channels, format.height, format.width})
      .to(task.device);
}

index_t view_batches(const Task& task, index_t views) {
  return (task.size() * views + kForwardBatch - 1) / kForwardBatch;
}

index_t view_count(const Task& task) {
  if (task.options.views > 0) return task.options.views;
  return task.size() <= 40 ? 16 : task.size() <= 200 ? 8 : 4;
}

Views plan_views(const Task& task, const Network& network, index_t first_stage) {
  const FineTuneOptions& options = task.options;
  Views views;
  views.first_stage = first_stage;
  views.count = view_count(task);
  if (first_stage > 0) views.frozen = network.compile(0, first_stage);
  if (options.fresh_views) return views;

  const torch::NoGradGuard no_gradients;
  const Tensor blank =
      torch::zeros({1, task.format.channels, task.format.height, task.format.width}, task.device);
  const Tensor sample = views.frozen ? views.frozen(blank) : blank;
  const double bytes = static_cast<double>(sample.numel()) * sizeof(float) *
                       static_cast<double>(task.size() * views.count);
  views.cached = bytes <= static_cast<double>(options.cache_bytes);
  if (views.cached) views.rows.start(sample, task.size() * views.count);
  return views;
}

void fill_cache(Task& task, Views& views) {
  if (!views.cached) return;
  const torch::NoGradGuard no_gradients;
  for_all_views(task, views.count, views.frozen,
                [&](index_t first, const Tensor& block) { views.rows.put(first, block); });
}

std::vector<float> features_of(Task& task, const Views& views, const Network& network) {
  const index_t width = network.head().weight.size(1);
  std::vector<float> out(static_cast<std::size_t>(task.size() * views.count * width));
  const torch::NoGradGuard no_gradients;
  const Network::Compiled rest = network.compile(views.first_stage, network.stages());
  const auto store = [&](index_t first, const Tensor& activations) {
    const Tensor f = rest(activations).to(torch::kCPU).contiguous();
    std::memcpy(out.data() + first * width, f.const_data_ptr<float>(),
                static_cast<std::size_t>(f.numel()) * sizeof(float));
  };
  if (views.cached) {
    const index_t total = task.size() * views.count;
    for (index_t first = 0; first < total; first += kForwardBatch) {
      store(first, views.rows.get(first, std::min(kForwardBatch, total - first)));
      throw_if_cancelled(task.progress);
    }
  } else {
    for_all_views(task, views.count, views.frozen, store);
  }
  return out;
}

std::vector<float> features_of(Task& task, const Views& views, const Network& network,
                               const std::vector<index_t>& candidates, index_t looked_at) {
  const index_t width = network.head().weight.size(1);
  const index_t total = std::ssize(candidates) * looked_at;
  std::vector<float> out(static_cast<std::size_t>(total * width));
  const torch::NoGradGuard no_gradients;
  const Network::Compiled rest = network.compile(views.first_stage, network.stages());
  std::optional<ViewRenderer> renderer;
  if (!views.cached) {
    renderer.emplace(
        *task.round.augmenter, *task.round.source, task.format,
        (total + kForwardBatch - 1) / kForwardBatch, kForwardBatch, [&](index_t t) {
          std::vector<PatchPlan> plans;
          const index_t end = std::min(total, (t + 1) * kForwardBatch);
          for (index_t row = t * kForwardBatch; row < end; ++row)
            plans.push_back(fixed_view(task, candidates[static_cast<std::size_t>(row / looked_at)],
                                       row % looked_at));
          return plans;
        });
  }
  for (index_t first = 0; first < total; first += kForwardBatch) {
    const index_t end = std::min(total, first + kForwardBatch);
    Tensor activations;
    if (views.cached) {
      std::vector<index_t> rows;
      for (index_t row = first; row < end; ++row)
        rows.push_back(candidates[static_cast<std::size_t>(row / looked_at)] * views.count +
                       row % looked_at);
      activations = views.rows.get(rows);
    } else {
      const Tensor x = as_patches(renderer->next(), task);
      activations = views.frozen ? views.frozen(x) : x;
    }
    const Tensor f = rest(activations).to(torch::kCPU).contiguous();
    std::memcpy(out.data() + first * width, f.const_data_ptr<float>(),
                static_cast<std::size_t>(f.numel()) * sizeof(float));
    throw_if_cancelled(task.progress);
  }
  return out;
}

}  // namespace aift::nn::tuning
