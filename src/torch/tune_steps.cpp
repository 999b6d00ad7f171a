// SPDX-License-Identifier: Apache-2.0
#include "tune_steps.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/torch/settings_guard.hpp>

#include "tune_head.hpp"
#include "view_renderer.hpp"

namespace aift::nn::tuning {
namespace {

/// Where n labelled candidates lie between 20 (0) and 400 (1) on a logarithmic scale; may be
/// beyond.
double size_scale(index_t samples) {
  return std::log(static_cast<double>(samples) / 20) / std::log(20.0);
}

/// Moves parameters along their gradients; the kernels are LibTorch's fused ones, which pass over
/// the memory once.
class Stepper {
 public:
  explicit Stepper(const FineTuneOptions& options) : options_(options) {}

  void add(const Tensor& parameter, double rate, double decay) {
    if (rate == 0) return;
    Group* group = nullptr;
    for (Group& g : groups_)
      if (g.rate == rate && g.decay == decay) group = &g;
    if (group == nullptr) group = &groups_.emplace_back(Group{rate, decay, {}, {}, {}, {}});
    group->parameters.push_back(parameter);
    group->first.push_back(torch::zeros_like(parameter));
    if (options_.optimizer == Optimizer::adamw) {
      group->second.push_back(torch::zeros_like(parameter));
      group->steps.push_back(torch::zeros({}, parameter.options().requires_grad(false)));
    }
  }

  [[nodiscard]] std::vector<Tensor> parameters() const {
    std::vector<Tensor> all;
    for (const Group& group : groups_)
      all.insert(all.end(), group.parameters.begin(), group.parameters.end());
    return all;
  }

  /// `factor` scales the rates.
  void step(double factor) {
    const torch::NoGradGuard no_gradients;
    for (Group& group : groups_) {
      std::vector<Tensor> gradients;
      for (const Tensor& parameter : group.parameters)
        gradients.push_back(parameter.grad().contiguous());  // the kernels ignore strides
      if (options_.optimizer == Optimizer::adamw) {
        for (Tensor& t : group.steps)
          t += 1;
        at::_fused_adamw_(group.parameters, gradients, group.first, group.second, {}, group.steps,
                          group.rate * factor, options_.beta1, options_.beta2, group.decay, 1e-8,
                          /*amsgrad=*/false, /*maximize=*/false);
      } else {
        at::_fused_sgd_(group.parameters, gradients, group.first, group.decay, options_.momentum,
                        group.rate * factor, /*dampening=*/0, /*nesterov=*/false,
                        /*maximize=*/false, /*is_first_step=*/first_step_);
      }
    }
    first_step_ = false;
    for (const Tensor& parameter : parameters())
      parameter.mutable_grad().reset();
  }

 private:
  struct Group {
    double rate;
    double decay;
    std::vector<Tensor> parameters;
    std::vector<Tensor> first;   ///< momentum, or Adam's first moment
    std::vector<Tensor> second;  ///< Adam's second moment
    std::vector<Tensor> steps;
  };
  const FineTuneOptions& options_;
  std::vector<Group> groups_;
  bool first_step_ = true;
};

/// Who is in which step, by keyed permutations: class after class in turn when balanced, and within
/// a class (or among all) everybody once before anybody twice.
class Sampler {
 public:
  Sampler(const Task& task, const std::vector<index_t>& candidates, index_t stream)
      : task_(task), stream_(stream), drawn_(static_cast<std::size_t>(task.size())) {
    std::map<label_t, std::vector<index_t>> by_class;
    for (const index_t i : candidates) {
      const label_t key =
          task.options.balance_classes ? task.labels[static_cast<std::size_t>(i)] : 0;
      by_class[key].push_back(i);
    }
    for (auto& [label, members] : by_class)
      queues_.push_back({std::move(members), {}, 0, 0});
  }

  struct Draw {
    index_t candidate;
    index_t times;  ///< how often this candidate has been drawn before in this training
  };

  [[nodiscard]] std::vector<Draw> batch(index_t size) {
    std::vector<Draw> out;
    for (index_t slot = 0; slot < size; ++slot) {
      Queue& queue = queues_[static_cast<std::size_t>(turn_++ % std::ssize(queues_))];
      if (queue.at == std::ssize(queue.order)) shuffle(queue);
      const index_t i = queue.order[static_cast<std::size_t>(queue.at++)];
      out.push_back({i, drawn_[static_cast<std::size_t>(i)]++});
    }
    return out;
  }

  /// Which of V fixed views is meant by a draw: all of them before one comes again.
  [[nodiscard]] index_t view(const Draw& draw, index_t views) const {
    const KeyedRandom random = keyed(draw.candidate);
    const index_t pass = draw.times / views;
    std::vector<std::pair<std::uint64_t, index_t>> order;
    for (index_t v = 0; v < views; ++v)
      order.emplace_back(random.bits(number(1, pass * views + v)), v);
    std::sort(order.begin(), order.end());
    return order[static_cast<std::size_t>(draw.times % views)].second;
  }

 private:
  struct Queue {
    std::vector<index_t> members;
    std::vector<index_t> order;
    index_t at;
    index_t pass;
  };
  [[nodiscard]] KeyedRandom keyed(index_t candidate) const {
    return {task_.round.seed, Purpose::order, task_.round.round, task_.candidate(candidate).id};
  }
  /// Index below a candidate's key: use (0 order, 1 view), stream (training, guard fold), count.
  [[nodiscard]] index_t number(index_t use, index_t count) const {
    return (use << 56) + (stream_ << 48) + count;
  }
  void shuffle(Queue& queue) {
    std::vector<std::pair<std::uint64_t, index_t>> order;
    for (const index_t i : queue.members)
      order.emplace_back(keyed(i).bits(number(0, queue.pass)), i);
    std::sort(order.begin(), order.end());
    queue.order.clear();
    for (const auto& [key, i] : order)
      queue.order.push_back(i);
    queue.at = 0;
    ++queue.pass;
  }

  const Task& task_;
  index_t stream_;
  index_t turn_ = 0;
  std::vector<index_t> drawn_;
  std::vector<Queue> queues_;
};

/// Rising to 1 over the warm-up, then half a cosine down to 0 at the end.
double rate_factor(index_t step, index_t steps, double warmup) {
  const auto rising =
      std::max<index_t>(1, static_cast<index_t>(std::llround(warmup * static_cast<double>(steps))));
  if (step < rising) return static_cast<double>(step + 1) / static_cast<double>(rising);
  return 0.5 * (1 + std::cos(M_PI * static_cast<double>(step - rising) /
                             static_cast<double>(std::max<index_t>(1, steps - rising))));
}

}  // namespace

TuneReport tune(Task& task, const Views& views, Network& network,
                const std::vector<index_t>& candidates, const std::vector<index_t>& holdout,
                const Schedule& schedule, index_t stream) {
  const index_t steps = schedule.steps;
  const FineTuneOptions& options = task.options;
  const SettingsGuard settings(0, /*gradients=*/true);
  for (const Tensor& parameter : network.parameters())
    parameter.set_requires_grad(false);
  Stepper stepper(options);
  for (index_t stage = views.first_stage; stage < network.stages(); ++stage) {
    for (const Tensor& parameter : network.stage_parameters(stage)) {
      const bool norm = parameter.dim() <= 1;
      if (norm && !options.train_norms) continue;
      parameter.set_requires_grad(true);
      stepper.add(parameter, options.backbone_rate * schedule.rate,
                  norm ? 0 : options.weight_decay);
    }
  }
  const Network::Head head = network.head();
  for (const Tensor& parameter : {head.weight, head.bias}) {
    parameter.set_requires_grad(true);
    stepper.add(parameter, options.head_rate * schedule.rate, 0);
  }
  network.train(options.batch_norm == BatchNorm::running);

  Sampler sampler(task, candidates, stream);
  const index_t batch = options.batch;
  std::vector<std::vector<Sampler::Draw>> draws;
  std::optional<ViewRenderer> renderer;  // ends before what its thread reads
  for (index_t t = 0; t < steps; ++t)
    draws.push_back(sampler.batch(batch));
  if (!views.cached) {
    renderer.emplace(
        *task.round.augmenter, *task.round.source, task.format, steps, batch, [&](index_t t) {
          std::vector<PatchPlan> plans;
          for (const Sampler::Draw& draw : draws[static_cast<std::size_t>(t)])
            plans.push_back(task.round.augmenter->plan(task.candidate(draw.candidate),
                                                       Purpose::training, task.round.round,
                                                       kFreshViews + draw.times));
          return plans;
        });
  }

  TuneReport report;
  std::vector<double> losses;
  std::shared_ptr<Network> best;
  index_t looks_without_gain = 0;
  const auto look = [&](index_t step) {
    const index_t looked_at = std::min(views.count, options.guard_views);
    network.eval();
    const std::vector<float> features = features_of(task, views, network, holdout, looked_at);
    network.train(options.batch_norm == BatchNorm::running);
    const std::vector<double> p = mean_probabilities(
        features, head.weight.size(1), {head.weight, head.bias}, std::ssize(holdout), looked_at);
    std::vector<label_t> labels;
    for (const index_t i : holdout)
      labels.push_back(task.labels[static_cast<std::size_t>(i)]);
    const double loss = balanced_log_loss(p, labels, task.classes);
    if (!report.held_out || loss < report.holdout_log_loss) {
      report.held_out = true;
      report.holdout_log_loss = loss;
      report.best_step = step;
      best = copy_of(network);
      looks_without_gain = 0;
    } else {
      ++looks_without_gain;
    }
  };
  if (!holdout.empty()) look(0);

  for (index_t t = 0; t < steps && looks_without_gain < options.patience; ++t) {
    const std::vector<Sampler::Draw>& drawn = draws[static_cast<std::size_t>(t)];
    std::vector<index_t> rows;
    std::vector<index_t> labels;
    for (const Sampler::Draw& draw : drawn) {
      if (views.cached)
        rows.push_back(draw.candidate * views.count + sampler.view(draw, views.count));
      labels.push_back(task.labels[static_cast<std::size_t>(draw.candidate)]);
    }
    Tensor x;
    if (views.cached) {
      x = views.rows.get(rows);
    } else {
      const Tensor patches = as_patches(renderer->next(), task);
      x = views.frozen ? views.frozen(patches) : patches;
    }
    Tensor features = network.run(x, views.first_stage, network.stages());
    if (options.dropout > 0) {
      const KeyedRandom random(task.round.seed, Purpose::dropout, task.round.round,
                               static_cast<std::uint64_t>(stream));
      Tensor mask = torch::empty(features.sizes());
      auto* values = mask.data_ptr<float>();
      const auto kept = static_cast<float>(1 / (1 - options.dropout));
      for (index_t i = 0; i < mask.numel(); ++i)
        values[i] = random.uniform(t * mask.numel() + i) < options.dropout ? 0.0F : kept;
      features = features * mask.to(features.device());
    }
    const Tensor target = torch::from_blob(labels.data(), {batch}, torch::kInt64).to(task.device);
    const Tensor loss =
        at::cross_entropy_loss(torch::linear(features, head.weight, head.bias), target, {},
                               at::Reduction::Mean, -100, options.label_smoothing);
    loss.backward();
    const double value = loss.item<double>();
    AIFT_EXPECT(std::isfinite(value), ValueError,
                "The training diverged at step {} (the loss is not finite); use smaller learning "
                "rates.",
                t);
    losses.push_back(value);
    if (options.clip_norm > 0)
      torch::nn::utils::clip_grad_norm_(stepper.parameters(), options.clip_norm);
    stepper.step(rate_factor(t, steps, options.warmup));
    task.advance();
    if (!holdout.empty() && ((t + 1) % options.check_every == 0 || t + 1 == steps)) look(t + 1);
  }
  renderer.reset();
  network.eval();
  for (const Tensor& parameter : network.parameters())
    parameter.set_requires_grad(false);
  if (best) copy_tensors(*best, network);

  report.steps = std::ssize(losses);
  if (report.steps < steps) task.advance(steps - report.steps);  // stopped early
  const std::size_t window = std::max<std::size_t>(1, losses.size() / 8);
  for (std::size_t i = 0; i < window && !losses.empty(); ++i) {
    report.loss_first += losses[i] / static_cast<double>(window);
    report.loss_last += losses[losses.size() - 1 - i] / static_cast<double>(window);
  }
  return report;
}

Schedule schedule_for(const FineTuneOptions& options, index_t samples, bool continued) {
  Schedule schedule;
  const double scale = size_scale(samples);
  schedule.steps = options.steps > 0
                       ? options.steps
                       : static_cast<index_t>(std::llround(60 + 40 * std::max(0.0, scale)));
  schedule.mix = options.mix >= 0 ? options.mix : std::clamp(0.5 + 0.5 * scale, 0.5, 1.0);
  if (continued) {
    schedule.rate = options.continued_rate;
    schedule.steps = std::max<index_t>(
        1, std::llround(options.continued_steps * static_cast<double>(schedule.steps)));
  }
  return schedule;
}

}  // namespace aift::nn::tuning
