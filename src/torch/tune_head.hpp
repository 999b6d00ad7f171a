// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <aift/loop/linear_probe.hpp>

#include "tune_views.hpp"

// Heads outside a network: the probe, what is predicted with it, and confidences.
namespace aift::nn::tuning {

/// A linear layer outside a network.
struct Head {
  Tensor weight;  ///< [K, d]
  Tensor bias;    ///< [K]
};

Head to_head(const LinearProbe& probe);

void set_head(Network& network, const Head& head);

/// An independent copy, for inference.
std::shared_ptr<Network> copy_of(const Network& network);

/// start + share (end - start), tensor by tensor, into `end`.
void mix_into(const Network& start, Network& end, double share);

/// The probe on the views of the candidates, whose features these are; without l2 the penalty is
/// chosen by cross-validation.
LinearProbe fit_probe(const Task& task, std::span<const float> features, index_t width,
                      const std::vector<index_t>& candidates, index_t views,
                      std::optional<double> l2);

/// Mean probability over the views, [n, K].
std::vector<double> mean_probabilities(std::span<const float> features, index_t width,
                                       const Head& head, index_t candidates, index_t views);

/// Brings the confidence of `network` on the views of the candidates to that of the probe, which
/// has these features of them; gives the scale. A scale that is not positive changes nothing.
double calibrate(Task& task, const Views& views, Network& network,
                 const std::vector<index_t>& candidates, const std::vector<float>& probe_features,
                 const Head& probe);

/// Mean negative log likelihood, every class that occurs weighing the same.
double balanced_log_loss(std::span<const double> probabilities, std::span<const label_t> labels,
                         index_t classes);

}  // namespace aift::nn::tuning
