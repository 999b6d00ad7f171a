// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "score_task.hpp"

namespace aift::cuda::detail {

/// e_j of the rows [first, first + count) of a chunk, straight from memory: no state but registers.
template <class T, bool kLogits, class Group>
AIFT_HD void patch_entropies_body(const Group& group, const ScoreTask& task, index_t first,
                                  index_t count) {
  const Bounds<T> bounds(task);
  const int classes = task.classes;
  // Row numbers count from the first row of the chunk; who owns a row matters only when it is bad.
  const index_t origin = task.offsets != nullptr ? task.offsets[0] : 0;
  const auto refuse = [&](index_t row, FaultCode fault) {
    index_t candidate = 0;
    index_t patch = 0;
    if (task.offsets == nullptr) {
      candidate = row / task.patches;
      patch = row - candidate * task.patches;
    } else {
      index_t last = task.candidates;  // offsets[candidate] <= row < offsets[last]
      while (last - candidate > 1) {
        const index_t middle = candidate + (last - candidate) / 2;
        if (task.offsets[middle] <= row)
          candidate = middle;
        else
          last = middle;
      }
      patch = row - task.offsets[candidate];
      if (patch < 0 || patch >= task.most_patches) {
        patch = 0;
        fault = FaultCode::offsets;
      }
    }
    lower(task.status, pack_status(task.first_candidate + candidate, patch, fault));
  };
  const auto entropy_of = [&](const auto& team, int r) {
    const index_t row = origin + first + r;
    const auto x = [&](int k) { return read_value<T>(task, row * classes + k); };
    T entropy{0};
    if constexpr (kLogits) {
      if (team.any(classes, [&](int k) { return !is_finite(x(k)); })) {
        if (team.leads()) refuse(row, FaultCode::not_finite);
        return;
      }
      const Located<T> top = team.template largest<T>(classes, x);
      const T sum = team.template class_sum<T>(classes, [&](int k, T acc) {
        return acc + (k == top.index ? T{0} : math::exp_nonpositive(clamp_w(x(k) - top.value)));
      });
      const T dot = team.template class_sum<T>(classes, [&](int k, T acc) {
        const T w = clamp_w(x(k) - top.value);
        return math::fma(math::exp_nonpositive(w), w, acc);
      });
      entropy = math::fma(-dot, T{1} / (T{1} + sum), math::log1p(sum));
    } else {
      bool low = false;
      const T sum = team.template class_sum<T>(classes, [&](int k, T acc) {
        const T p = x(k);
        low = low || !(p >= bounds.least);
        return acc + p;
      });
      const T off = sum - T{1};
      if (team.vote(low) || !((off < T{0} ? -off : off) <= bounds.tolerance)) {
        if (team.leads()) refuse(row, fault_of(task, bounds, x));
        return;
      }
      entropy = T{0} - team.template class_sum<T>(classes, [&](int k, T acc) {
        return math::fma(x(k), bounds.log_of(x(k)), acc);
      });
    }
    if (team.leads()) task.patch_entropy[row - origin] = static_cast<double>(entropy);
  };
  if (task.wide()) {
    group.template rows<kWide>(count, entropy_of);
  } else {
    group.template rows<kNarrowClasses>(count, entropy_of);
  }
}

}  // namespace aift::cuda::detail
