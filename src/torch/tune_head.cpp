// SPDX-License-Identifier: Apache-2.0
#include "tune_head.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include <Eigen/Dense>

#include <aift/loop/metrics.hpp>

#include "forward.hpp"

namespace aift::nn::tuning {
namespace {

/// Of features on the CPU, wherever the head lies.
Tensor linear_on_cpu(const Tensor& features, const Head& head) {
  return torch::linear(features, head.weight.to(torch::kCPU), head.bias.to(torch::kCPU));
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

}  // namespace

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

}  // namespace aift::nn::tuning
