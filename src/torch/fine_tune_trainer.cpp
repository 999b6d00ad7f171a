// SPDX-License-Identifier: Apache-2.0
#include <aift/torch/fine_tune_trainer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include <Eigen/Dense>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/loop/bootstrap.hpp>
#include <aift/loop/linear_probe.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/splits.hpp>
#include <aift/torch/module_model.hpp>
#include <aift/torch/settings_guard.hpp>

#include "forward.hpp"
#include "script_model.hpp"
#include "view_renderer.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

constexpr index_t kForwardBatch = 32;

/// Where n labelled candidates lie between 20 (0) and 400 (1) on a logarithmic scale; may be
/// beyond.
double size_scale(index_t samples) {
  return std::log(static_cast<double>(samples) / 20) / std::log(20.0);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

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

/// A linear layer outside a network.
struct Head {
  Tensor weight;  ///< [K, d]
  Tensor bias;    ///< [K]
};

Head to_head(const LinearProbe& probe) {
  Head head{torch::empty({probe.classes, probe.features}), torch::empty({probe.classes})};
  std::transform(probe.weights.begin(), probe.weights.end(), head.weight.data_ptr<float>(),
                 [](double v) { return static_cast<float>(v); });
  std::transform(probe.bias.begin(), probe.bias.end(), head.bias.data_ptr<float>(),
                 [](double v) { return static_cast<float>(v); });
  return head;
}

void set_head(Network& network, const Head& head) {
  const torch::NoGradGuard no_gradients;
  const Network::Head own = network.head();
  own.weight.detach().copy_(head.weight);
  own.bias.detach().copy_(head.bias);
}

std::shared_ptr<Network> copy_of(const Network& network) {
  std::shared_ptr<Network> copy = make_beside(network, network.head().weight.size(0));
  copy_tensors(network, *copy);
  copy->eval();
  return copy;
}

/// start + share (end - start), tensor by tensor, into `end`.
void mix_into(const Network& start, Network& end, double share) {
  const torch::NoGradGuard no_gradients;
  std::map<std::string, Tensor> from;
  for (const auto& item : start.named_parameters())
    from.emplace(item.key(), item.value());
  for (const auto& item : start.named_buffers())
    from.emplace(item.key(), item.value());
  const auto blend = [&](const std::string& name, const Tensor& tensor) {
    const Tensor& origin = from.at(name);
    if (tensor.is_floating_point())
      tensor.detach().copy_(origin + (tensor.detach() - origin) * share);
  };
  for (const auto& item : end.named_parameters())
    blend(item.key(), item.value());
  for (const auto& item : end.named_buffers())
    blend(item.key(), item.value());
}

// ---------------------------------------------------------------------------------------- views

/// View v of a candidate: the augmenter's fixed probe views, then training views of the round.
PatchPlan fixed_view(const Task& task, index_t candidate, index_t v) {
  const Augmenter& augmenter = *task.round.augmenter;
  return v < augmenter.patches(Purpose::probe)
             ? augmenter.plan(task.candidate(candidate), Purpose::probe, task.round.round, v)
             : augmenter.plan(task.candidate(candidate), Purpose::training, task.round.round, v);
}

/// Indices of fresh training views start here, so that they are not those of fixed_view.
constexpr index_t kFreshViews = 1024;

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
Tensor as_patches(std::span<const float> pixels, const Task& task) {
  const PatchFormat& format = task.format;
  return torch::from_blob(
             const_cast<float*>(pixels.data()),
             {std::ssize(pixels) / format.elements(), format.channels, format.height, format.width})
      .to(task.device);
}

/// Batches in which the V views of all candidates are rendered.
index_t view_batches(const Task& task, index_t views) {
  return (task.size() * views + kForwardBatch - 1) / kForwardBatch;
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

/// Views per candidate.
index_t view_count(const Task& task) {
  if (task.options.views > 0) return task.options.views;
  return task.size() <= 40 ? 16 : task.size() <= 200 ? 8 : 4;
}

/// Chooses number and place of the views; the cache is not filled yet.
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

/// Features of every view, [n V, d], after the stages of `network`.
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

/// Views per candidate that are cheap to look at: the first `views` of those there are.
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

// ---------------------------------------------------------------------------------------- probe

LinearProbe fit_probe(const Task& task, std::span<const float> features, index_t width,
                      const std::vector<index_t>& candidates, index_t views,
                      std::optional<double> l2) {
  std::vector<label_t> labels;
  std::vector<index_t> groups;
  for (const index_t i : candidates) {
    for (index_t v = 0; v < views; ++v) {
      labels.push_back(task.labels[static_cast<std::size_t>(i)]);
      groups.push_back(task.groups[static_cast<std::size_t>(i)]);
    }
  }
  ProbeOptions options;
  if (!task.options.l2_grid.empty()) options.l2_grid = task.options.l2_grid;
  if (l2) options.l2_grid = {*l2};
  options.folds = task.options.probe_folds;
  options.balance_classes = task.options.balance_classes;
  ProbeData data;
  data.features = features;
  data.feature_size = width;
  data.labels = labels;
  data.groups = groups;
  data.classes = task.classes;
  data.views = views;
  return fit_linear_probe(data, options, task.round.seed, task.round.round);
}

/// Of features on the CPU, wherever the head lies.
Tensor linear_on_cpu(const Tensor& features, const Head& head) {
  return torch::linear(features, head.weight.to(torch::kCPU), head.bias.to(torch::kCPU));
}

/// Mean probability over the views, [n, K].
std::vector<double> mean_probabilities(std::span<const float> features, index_t width,
                                       const Head& head, index_t candidates, index_t views) {
  const torch::NoGradGuard no_gradients;
  const Tensor f =
      torch::from_blob(const_cast<float*>(features.data()), {candidates * views, width});
  const Tensor p = torch::softmax(linear_on_cpu(f, head).to(torch::kFloat64), 1)
                       .view({candidates, views, -1})
                       .mean(1)
                       .contiguous();
  return {p.const_data_ptr<double>(), p.const_data_ptr<double>() + p.numel()};
}

/// The scale t and bias b that bring softmax(t z + b) closest to the probabilities `target`, by
/// weighted cross-entropy: convex, Newton's method.
struct Calibration {
  double scale = 1;
  std::vector<double> bias;  ///< [K]
};

Calibration fit_calibration(std::span<const double> logits, std::span<const double> target,
                            std::span<const double> weights, index_t classes) {
  const auto n = std::ssize(weights);
  const index_t size = classes + 1;  // b, then t
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(size);
  theta[classes] = 1;
  std::vector<double> p(static_cast<std::size_t>(classes));
  const auto evaluate_at = [&](const Eigen::VectorXd& at, Eigen::VectorXd* gradient,
                               Eigen::MatrixXd* hessian) {
    double loss = 0;
    for (index_t i = 0; i < n; ++i) {
      const double* z = logits.data() + i * classes;
      const double* y = target.data() + i * classes;
      const double w = weights[static_cast<std::size_t>(i)];
      double top = -std::numeric_limits<double>::infinity();
      for (index_t k = 0; k < classes; ++k)
        top = std::max(top, at[classes] * z[k] + at[k]);
      double sum = 0;
      for (index_t k = 0; k < classes; ++k)
        sum += p[static_cast<std::size_t>(k)] = std::exp(at[classes] * z[k] + at[k] - top);
      double mean = 0;
      for (index_t k = 0; k < classes; ++k) {
        loss -= w * y[k] * (at[classes] * z[k] + at[k] - top - std::log(sum));
        mean += (p[static_cast<std::size_t>(k)] /= sum) * z[k];
      }
      if (gradient == nullptr) continue;
      for (index_t k = 0; k < classes; ++k) {
        const double q = p[static_cast<std::size_t>(k)];
        (*gradient)[k] += w * (q - y[k]);
        (*gradient)[classes] += w * (q - y[k]) * z[k];
        (*hessian)(k, k) += w * q;
        for (index_t l = 0; l < classes; ++l)
          (*hessian)(k, l) -= w * q * p[static_cast<std::size_t>(l)];
        const double cross = w * q * (z[k] - mean);
        (*hessian)(k, classes) += cross;
        (*hessian)(classes, k) += cross;
        (*hessian)(classes, classes) += w * q * (z[k] - mean) * (z[k] - mean);
      }
    }
    return loss;
  };
  for (int iteration = 0; iteration < 100; ++iteration) {
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(size);
    Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(size, size);
    const double loss = evaluate_at(theta, &gradient, &hessian);
    // Equal biases change nothing, hence the small term; saturated rows leave little curvature.
    hessian.diagonal().array() += 1e-9 + 1e-6 * hessian.diagonal().mean();
    const Eigen::VectorXd step = hessian.ldlt().solve(-gradient);
    double length = 1;
    while (length > 1e-10 && evaluate_at(theta + length * step, nullptr, nullptr) >
                                 loss + 1e-4 * length * gradient.dot(step))
      length /= 2;
    if (length <= 1e-10) break;
    theta += length * step;
    if (-gradient.dot(step) < 1e-14 * (1 + loss)) break;
  }
  Calibration out{theta[classes], {}};
  for (index_t k = 0; k < classes; ++k)
    out.bias.push_back(theta[k]);
  return out;
}

/// Logits of rows of features, in double.
std::vector<double> logits_of(std::span<const float> features, index_t width, const Head& head) {
  const torch::NoGradGuard no_gradients;
  const Tensor f =
      torch::from_blob(const_cast<float*>(features.data()), {std::ssize(features) / width, width});
  const Tensor z = linear_on_cpu(f, head).to(torch::kFloat64).contiguous();
  return {z.const_data_ptr<double>(), z.const_data_ptr<double>() + z.numel()};
}

/// Brings the confidence of `network` on the views of the candidates to that of the probe, which
/// has these features of them; gives the scale. A scale that is not positive changes nothing.
double calibrate(Task& task, const Views& views, Network& network,
                 const std::vector<index_t>& candidates, const std::vector<float>& probe_features,
                 const Head& probe) {
  const index_t width = network.head().weight.size(1);
  std::vector<double> target = logits_of(probe_features, width, probe);
  for (std::size_t row = 0; row < target.size(); row += static_cast<std::size_t>(task.classes)) {
    const auto first = target.begin() + static_cast<std::ptrdiff_t>(row);
    const auto last = first + static_cast<std::ptrdiff_t>(task.classes);
    const double top = *std::max_element(first, last);
    double sum = 0;
    for (auto v = first; v != last; ++v)
      sum += * v = std::exp(*v - top);
    for (auto v = first; v != last; ++v)
      *v /= sum;
  }
  std::vector<double> count(static_cast<std::size_t>(task.classes));
  const auto class_of = [&](index_t i) {
    return static_cast<std::size_t>(task.labels[static_cast<std::size_t>(i)]);
  };
  for (const index_t i : candidates)
    count[class_of(i)] += 1;
  std::vector<double> weights;
  for (const index_t i : candidates)
    weights.insert(weights.end(), static_cast<std::size_t>(views.count),
                   task.options.balance_classes ? 1 / count[class_of(i)] : 1.0);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& w : weights)
    w /= total;
  const Network::Head head = network.head();
  const Calibration found =
      fit_calibration(logits_of(features_of(task, views, network, candidates, views.count), width,
                                {head.weight, head.bias}),
                      target, weights, task.classes);
  if (!(found.scale > 0)) return found.scale;
  const torch::NoGradGuard no_gradients;
  head.weight.detach().mul_(found.scale);
  head.bias.detach()
      .mul_(found.scale)
      .add_(torch::tensor(found.bias).to(head.bias.device(), torch::kFloat32));
  return found.scale;
}

/// Mean negative log likelihood, every class that occurs weighing the same.
double balanced_log_loss(std::span<const double> probabilities, std::span<const label_t> labels,
                         index_t classes) {
  std::vector<double> sum(static_cast<std::size_t>(classes));
  std::vector<double> count(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto k = static_cast<std::size_t>(labels[i]);
    sum[k] -=
        std::log(std::max(probabilities[i * static_cast<std::size_t>(classes) + k], kLogLossClip));
    count[k] += 1;
  }
  double total = 0;
  double occurring = 0;
  for (std::size_t k = 0; k < sum.size(); ++k) {
    if (count[k] == 0) continue;
    total += sum[k] / count[k];
    occurring += 1;
  }
  return total / occurring;
}

// ------------------------------------------------------------------------------------- training

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

/// Numbers of the random streams of further members, behind those of the guard's folds.
constexpr index_t kMemberStreams = 100;

/// Rising to 1 over the warm-up, then half a cosine down to 0 at the end.
double rate_factor(index_t step, index_t steps, double warmup) {
  const auto rising =
      std::max<index_t>(1, static_cast<index_t>(std::llround(warmup * static_cast<double>(steps))));
  if (step < rising) return static_cast<double>(step + 1) / static_cast<double>(rising);
  return 0.5 * (1 + std::cos(M_PI * static_cast<double>(step - rising) /
                             static_cast<double>(std::max<index_t>(1, steps - rising))));
}

struct TuneReport {
  index_t steps = 0;
  double loss_first = 0;  ///< mean over the first eighth of the steps, or more
  double loss_last = 0;   ///< over the last
  bool held_out = false;
  double holdout_log_loss = 0;
  index_t best_step = 0;
};

/// What depends on the size of the labelled set and on the start.
struct Schedule {
  index_t steps = 0;
  double rate = 1;  ///< factor of both rates
  double mix = 1;
};

/// Trains stages [views.first_stage, ..) and the head of `network` in place.
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

// ---------------------------------------------------------------------------------------- guard

struct GuardReport {
  bool possible = false;
  std::vector<double> gains;   ///< of the tuned network by the guard's metric, fold by fold
  std::vector<double> errors;  ///< standard error of each by the choice of the held-out candidates
  double probe_auc = 0, tuned_auc = 0;
  double probe_log_loss = 0, tuned_log_loss = 0;
};

/// Gain of `after` over `before` by the guard's metric.
double gain_of(const FineTuneOptions& options, std::span<const double> before,
               std::span<const double> after, std::span<const label_t> labels, index_t classes) {
  if (options.guard_metric == GuardMetric::auc)
    return evaluate(after, labels, classes).auc - evaluate(before, labels, classes).auc;
  return balanced_log_loss(before, labels, classes) - balanced_log_loss(after, labels, classes);
}

/// Standard error of that gain over the choice of held-out groups. (Of two folds the spread between
/// them says next to nothing: they may err to the same side.)
double gain_error(const Task& task, const std::vector<double>& before,
                  const std::vector<double>& after, const std::vector<index_t>& held_out,
                  index_t fold) {
  constexpr index_t kReplicates = 200;
  std::vector<index_t> groups;
  for (const index_t i : held_out)
    groups.push_back(task.groups[static_cast<std::size_t>(i)]);
  const KeyedRandom random(task.round.seed, Purpose::folds, task.round.round,
                           static_cast<std::uint64_t>(1 + fold));
  const auto gain = [&](std::span<const index_t> samples) {
    std::vector<double> first;
    std::vector<double> second;
    std::vector<label_t> labels;
    for (const index_t n : samples) {
      const auto from = static_cast<std::ptrdiff_t>(n * task.classes);
      first.insert(first.end(), before.begin() + from, before.begin() + from + task.classes);
      second.insert(second.end(), after.begin() + from, after.begin() + from + task.classes);
      labels.push_back(
          task.labels[static_cast<std::size_t>(held_out[static_cast<std::size_t>(n)])]);
    }
    return gain_of(task.options, first, second, labels, task.classes);
  };
  return grouped_bootstrap_error(groups, random, kReplicates, gain);
}

/// Probe (or, without one, the parent as it is) and tuned network, each fitted without a fold,
/// looked at on that fold. Means over folds, because the scale of the outputs differs between the
/// networks of different folds: candidates of several folds must not be ranked together.
GuardReport run_guard(Task& task, const Views& views, const Network& start, bool from_probe,
                      const std::vector<float>& features, double l2, const Schedule& schedule) {
  const FineTuneOptions& options = task.options;
  GuardReport report;
  const index_t width = start.head().weight.size(1);
  const std::vector<index_t> fold =
      grouped_folds(task.groups, task.labels, task.classes, options.guard_folds, task.round.seed,
                    task.round.round);
  const index_t folds = *std::max_element(fold.begin(), fold.end()) + 1;
  const index_t looked_at = std::min(views.count, options.guard_views);
  index_t judged = 0;
  for (index_t f = 0; f < folds; ++f) {
    std::vector<index_t> training;
    std::vector<index_t> held_out;
    for (index_t i = 0; i < task.size(); ++i)
      (fold[static_cast<std::size_t>(i)] == f ? held_out : training).push_back(i);
    const auto classes_in = [&](const std::vector<index_t>& members) {
      std::vector<label_t> present;
      for (const index_t i : members)
        present.push_back(task.labels[static_cast<std::size_t>(i)]);
      std::sort(present.begin(), present.end());
      return std::unique(present.begin(), present.end()) - present.begin();
    };
    if (classes_in(training) < classes_in(held_out) || classes_in(training) < 2 ||
        classes_in(held_out) < 2) {
      task.advance(schedule.steps);
      continue;
    }
    std::vector<float> rows;
    Head probe = {start.head().weight, start.head().bias};
    if (options.probe) {
      for (const index_t i : training) {
        const auto first = features.begin() + static_cast<std::ptrdiff_t>(i * views.count * width);
        rows.insert(rows.end(), first, first + static_cast<std::ptrdiff_t>(views.count * width));
      }
      probe = to_head(fit_probe(task, rows, width, training, views.count, l2));
    }
    std::shared_ptr<Network> network = copy_of(start);
    if (from_probe) set_head(*network, probe);
    const std::shared_ptr<Network> origin = copy_of(*network);
    (void)tune(task, views, *network, training, {}, schedule, /*stream=*/1 + f);
    // As far from the start as this many candidates would go.
    mix_into(*origin, *network, schedule_for(options, std::ssize(training), false).mix);
    if (options.probe && options.calibrate) calibrate(task, views, *network, training, rows, probe);

    std::vector<float> seen;
    std::vector<label_t> labels;
    if (!options.probe) seen = features_of(task, views, start, held_out, looked_at);
    for (const index_t i : held_out) {
      labels.push_back(task.labels[static_cast<std::size_t>(i)]);
      if (!options.probe) continue;
      const auto first = features.begin() + static_cast<std::ptrdiff_t>(i * views.count * width);
      seen.insert(seen.end(), first, first + static_cast<std::ptrdiff_t>(looked_at * width));
    }
    const index_t n = std::ssize(held_out);
    const std::vector<double> before = mean_probabilities(seen, width, probe, n, looked_at);
    const Network::Head head = network->head();
    const std::vector<double> after =
        mean_probabilities(features_of(task, views, *network, held_out, looked_at), width,
                           {head.weight, head.bias}, n, looked_at);
    const double auc[2] = {evaluate(before, labels, task.classes).auc,
                           evaluate(after, labels, task.classes).auc};
    const double loss[2] = {balanced_log_loss(before, labels, task.classes),
                            balanced_log_loss(after, labels, task.classes)};
    report.probe_auc += auc[0];
    report.tuned_auc += auc[1];
    report.probe_log_loss += loss[0];
    report.tuned_log_loss += loss[1];
    report.gains.push_back(gain_of(options, before, after, labels, task.classes));
    report.errors.push_back(gain_error(task, before, after, held_out, f));
    ++judged;
  }
  if (judged == 0) return report;
  report.possible = true;
  for (double* value :
       {&report.probe_auc, &report.tuned_auc, &report.probe_log_loss, &report.tuned_log_loss})
    *value /= static_cast<double>(judged);
  return report;
}

/// Whether tuning did harm: worse by more than the tolerance and by more than chance explains.
bool harmful(const FineTuneOptions& options, const GuardReport& report) {
  const auto n = static_cast<double>(report.gains.size());
  const double mean = std::accumulate(report.gains.begin(), report.gains.end(), 0.0) / n;
  double between = 0;
  for (const double gain : report.gains)
    between += (gain - mean) * (gain - mean);
  double within = 0;
  for (const double error : report.errors)
    within += error * error;
  const double error =
      std::max(n > 1 ? std::sqrt(between / (n - 1) / n) : 0, std::sqrt(within) / n);
  return mean < -std::max(options.guard_tolerance, options.guard_errors * error);
}

/// What of the recipe can be done with a network of which only the logits are known.
FineTuneOptions script_options(FineTuneOptions options) {
  options.probe = options.refit = options.calibrate = false;
  options.tune = true;
  options.frozen_stages = 0;
  options.train_norms = true;  // every parameter that requires a gradient
  options.head_rate = 0;       // there is no head of ours
  options.dropout = 0;
  options.batch_norm = BatchNorm::frozen;
  return options;
}

}  // namespace

FineTuneTrainer::FineTuneTrainer(const FineTuneOptions& options) : options_(options) {
  options_.validate();
}

FitResult FineTuneTrainer::fit(const Model& parent, const TrainingRound& round,
                               Progress& progress) {
  FineTuneResult all = fit_all(parent, round, progress);
  return {std::move(all.model), std::move(all.report)};
}

void FineTuneTrainer::expect_trainable(const Model& parent) {
  const auto* script = dynamic_cast<const ScriptModel*>(&parent);
  AIFT_EXPECT(script != nullptr || dynamic_cast<const ModuleModel*>(&parent) != nullptr, ValueError,
              "Fine-tuning needs a network of aift::nn (see `aift models`, a TorchScript file, or "
              "one of your own in a ModuleModel); got '{}', which can only be scored.",
              parent.info().architecture);
  AIFT_EXPECT(script == nullptr || !script->network()->stage_parameters(0).empty(), ValueError,
              "No parameter of the TorchScript model requires a gradient, so nothing can be "
              "fine-tuned; export it without torch.jit.freeze and with requires_grad.");
}

FineTuneResult FineTuneTrainer::fit_all(const Model& parent, const TrainingRound& round,
                                        Progress& progress) {
  const auto started = Clock::now();
  const auto* module = dynamic_cast<const ModuleModel*>(&parent);
  const auto* script = dynamic_cast<const ScriptModel*>(&parent);
  expect_trainable(parent);
  const FineTuneOptions options = script != nullptr ? script_options(options_) : options_;
  AIFT_EXPECT(
      round.augmenter != nullptr && round.source != nullptr, ValueError,
      "A training round needs an augmenter and a source of images; one of them is missing.");
  AIFT_EXPECT(round.classes >= 2, ValueError, "Training needs two classes or more; got {}.",
              round.classes);
  AIFT_EXPECT(round.class_names.empty() || std::ssize(round.class_names) == round.classes,
              ShapeError, "The round has {} classes, but {} class names came.", round.classes,
              round.class_names.size());
  AIFT_EXPECT(!round.samples.empty(), ValueError,
              "Training needs labelled candidates; the set is empty.");

  const torch::Device device =
      module != nullptr ? module->network()->head().weight.device() : torch::Device(torch::kCPU);
  const DeviceSettings settings(device, ForwardType::f32);
  Task task{options, round, progress, parent.info().input, round.classes, device, {}, {}, 0, 0};
  for (const LabelledCandidate& sample : round.samples) {
    AIFT_EXPECT(sample.label >= 0 && sample.label < round.classes, ValueError,
                "Labels must be in [0, {}); candidate {} has {}.", round.classes,
                sample.candidate.index, sample.label);
    task.labels.push_back(sample.label);
    task.groups.push_back(sample.group);
  }
  AIFT_EXPECT(std::adjacent_find(task.labels.begin(), task.labels.end(), std::not_equal_to<>()) !=
                  task.labels.end(),
              ValueError,
              "Training needs labels of two classes or more; all {} candidates are of class {}. "
              "Label more before training.",
              task.size(), task.labels.front());

  const torch::NoGradGuard no_gradients;
  AIFT_EXPECT(script == nullptr || parent.info().classes == round.classes, ShapeError,
              "A TorchScript model must have one output per class to be fine-tuned; it has {}, and "
              "the data has {} classes. Export it with {} outputs.",
              parent.info().classes, round.classes, round.classes);
  const std::shared_ptr<const Network> kept =
      script != nullptr ? script->network() : std::shared_ptr<const Network>(module->network());
  const Network& given = *kept;
  std::shared_ptr<Network> start = make_beside(given, round.classes);
  const bool own_head = parent.info().classes == round.classes &&
                        (module == nullptr || module->head_form() == HeadForm::linear) &&
                        (parent.info().class_names.empty() || round.class_names.empty() ||
                         parent.info().class_names == round.class_names);
  AIFT_EXPECT(
      own_head || options.probe, ValueError,
      "The parent's head has {} classes and cannot start one of {} (or its classes have other "
      "names, or a ReLU follows it); switch 'probe' on.",
      parent.info().classes, round.classes);
  copy_tensors(given, *start, own_head);
  if (!own_head)
    set_head(*start, {torch::zeros({round.classes, given.head().weight.size(1)}),
                      torch::zeros({round.classes})});
  start->eval();

  const index_t fits_before = module != nullptr ? module->fits() : 0;

  // The parent's head goes on, or a probe takes its place.
  const bool continued =
      options.tune && own_head && (!options.probe || (options.continue_head && fits_before > 0));
  const index_t wanted = options.frozen_stages >= 0                ? options.frozen_stages
                         : task.size() < options.train_all_samples ? start->stages() / 3
                                                                   : 0;
  const index_t frozen = options.tune ? std::min(wanted, start->stages()) : 0;
  const Schedule schedule = schedule_for(options, task.size(), continued && options.probe);
  const index_t members = options.members > 0                       ? options.members
                          : task.size() < options.train_all_samples ? 2
                                                                    : 1;
  Schedule guard_schedule = schedule;
  guard_schedule.steps =
      std::max<index_t>(1, std::llround(options.guard_steps * static_cast<double>(schedule.steps)));
  const bool guard_wanted =
      options.tune && (options.probe || script != nullptr) && options.guard == Guard::folds;
  const bool guarded = guard_wanted && task.size() >= options.guard_min_samples;
  const bool probed = options.probe;
  const bool refit = options.tune && options.refit && task.size() >= options.refit_min_samples;

  FineTuneResult result;
  FitReport& report = result.report;
  ModelInfo info = parent.info();
  info.class_names = round.class_names.empty() && own_head ? info.class_names : round.class_names;
  const index_t fits = (own_head ? fits_before : 0) + 1;
  const auto as_model = [&](std::shared_ptr<Network> network) -> std::unique_ptr<Model> {
    if (script == nullptr) {
      return std::make_unique<ModuleModel>(std::move(network), info, fits, HeadForm::linear,
                                           module->forward());
    }
    const auto& trained = dynamic_cast<const ScriptNetwork&>(*network);
    return std::make_unique<ScriptModel>(trained.module(), trained.file(), info);
  };
  const char* const kept_other = script != nullptr ? "kept parent" : "kept probe";
  std::vector<std::pair<std::string, double>> times;

  // Views, probe.
  auto since = Clock::now();
  Views views;
  if (options.tune) {
    views = plan_views(task, *start, frozen);
  } else {
    views.count = view_count(task);
  }
  // The views are rendered once into the cache, or again whenever all their features are wanted.
  const index_t passes = views.cached ? 1 : (probed ? 1 : 0) + (refit ? 1 : 0);
  task.begin(passes * view_batches(task, views.count) +
             (options.tune ? members * schedule.steps : 0) +
             (guarded ? options.guard_folds * guard_schedule.steps : 0));
  fill_cache(task, views);
  times.emplace_back("seconds_views", seconds_since(since));
  report.add("samples", std::to_string(task.size()));
  report.add("views",
             std::to_string(views.count) + (options.tune && !views.cached ? " fresh" : ""));
  if (options.tune) report.add("frozen_stages", std::to_string(frozen));

  std::vector<index_t> everybody(static_cast<std::size_t>(task.size()));
  std::iota(everybody.begin(), everybody.end(), index_t{0});
  const index_t width = start->head().weight.size(1);
  std::vector<float> features;
  Head probe_head;
  double l2 = 0;
  double scale = 1;
  if (probed) {
    since = Clock::now();
    features = features_of(task, views, *start);
    const LinearProbe probe =
        fit_probe(task, features, width, everybody, views.count, std::nullopt);
    l2 = probe.l2;
    std::shared_ptr<Network> with_probe = copy_of(*start);
    probe_head = to_head(probe);
    set_head(*with_probe, probe_head);
    if (!continued) set_head(*start, probe_head);
    report.add("probe_l2", number(l2));
    if (!probe.cv_log_loss.empty())
      report.add("probe_log_loss",
                 number(*std::min_element(probe.cv_log_loss.begin(), probe.cv_log_loss.end())));
    times.emplace_back("seconds_probe", seconds_since(since));
    result.probe = as_model(std::move(with_probe));
  }

  // Training.
  if (options.tune) {
    since = Clock::now();
    std::vector<index_t> training = everybody;
    std::vector<index_t> held_out;
    if (options.holdout > 0 && task.size() >= options.holdout_min_samples) {
      const index_t folds =
          std::max<index_t>(2, static_cast<index_t>(std::llround(1 / options.holdout)));
      const std::vector<index_t> fold =
          grouped_folds(task.groups, task.labels, task.classes, folds, round.seed, round.round);
      training.clear();
      for (const index_t i : everybody)
        (fold[static_cast<std::size_t>(i)] == 0 ? held_out : training).push_back(i);
    }
    std::shared_ptr<Network> tuned = copy_of(*start);
    const TuneReport done = tune(task, views, *tuned, training, held_out, schedule, /*stream=*/0);
    for (index_t k = 1; k < members; ++k) {  // a running mean of weights
      const std::shared_ptr<Network> other = copy_of(*start);
      (void)tune(task, views, *other, training, held_out, schedule, kMemberStreams + k);
      mix_into(*other, *tuned, static_cast<double>(k) / static_cast<double>(k + 1));
    }
    if (schedule.mix < 1) mix_into(*start, *tuned, schedule.mix);
    report.add("start", continued ? "parent" : "probe");
    report.add("members", std::to_string(members));
    report.add("steps", std::to_string(done.steps));
    report.add("loss_first", number(done.loss_first));
    report.add("loss_last", number(done.loss_last));
    if (done.held_out) {
      report.add("holdout_log_loss", number(done.holdout_log_loss));
      report.add("best_step", std::to_string(done.best_step));
    }
    report.add("mix", number(schedule.mix));
    if (probed && options.calibrate && !refit) {
      scale = calibrate(task, views, *tuned, everybody, features, probe_head);
      report.add("logit_scale", number(scale));
    }
    if (refit) {
      const LinearProbe again = fit_probe(task, features_of(task, views, *tuned), width, everybody,
                                          views.count, std::nullopt);
      set_head(*tuned, to_head(again));
      report.add("refit_l2", number(again.l2));
    }
    times.emplace_back("seconds_tune", seconds_since(since));
    result.tuned = as_model(std::move(tuned));
    result.tuned_chosen = true;
  }

  // Guard.
  if (!(scale > 0) && guard_wanted) {
    result.tuned_chosen = false;
    report.add("guard", "kept probe: the tuned network contradicts it");
  } else if (guarded) {
    since = Clock::now();
    const GuardReport guard =
        run_guard(task, views, *start, !continued, features, l2, guard_schedule);
    if (guard.possible) {
      result.tuned_chosen = !harmful(options, guard);
      report.add("guard", result.tuned_chosen ? "kept tuned" : kept_other);
      report.add("guard_probe_auc", number(guard.probe_auc));
      report.add("guard_tuned_auc", number(guard.tuned_auc));
      report.add("guard_probe_log_loss", number(guard.probe_log_loss));
      report.add("guard_tuned_log_loss", number(guard.tuned_log_loss));
    } else {
      report.add("guard", "kept tuned: too few groups to compare");
    }
    times.emplace_back("seconds_guard", seconds_since(since));
  } else if (options.tune) {
    report.add("guard", guard_wanted ? "kept tuned: too few labels to compare" : "off");
  }
  times.emplace_back("seconds", seconds_since(started));
  for (const auto& [key, value] : times)
    report.add(key, fmt::format("{:.2f}", value));
  const Model& chosen = result.tuned_chosen       ? *result.tuned
                        : result.probe != nullptr ? *result.probe
                                                  : parent;
  result.model = chosen.clone();
  if (task.steps_done < task.steps_planned)  // folds that were not needed
    progress.report("train", task.steps_planned, task.steps_planned);
  return result;
}

}  // namespace aift::nn
