// SPDX-License-Identifier: Apache-2.0
// No CUDA in here: tests/cuda compiles it without.
#include <aift/cuda/table_block.hpp>

#include <cstring>
#include <type_traits>

#include <aift/core/error.hpp>
#include <aift/score/majority.hpp>

namespace aift::cuda {

namespace {

std::size_t size(index_t count) { return static_cast<std::size_t>(count); }

}  // namespace

TableBlock::TableBlock(ScoreKind kind, const DevicePredictions& predictions,
                       const ScoreOptions& options, const ScoreRequest& request,
                       std::span<const index_t> kept_offsets)
    : kind_(kind),
      form_(predictions.kind),
      options_(options),
      request_(request),
      candidates_(predictions.candidates),
      classes_(predictions.classes),
      patches_(predictions.patches),
      dense_(predictions.offsets == nullptr) {
  if (request.kept && dense_) {
    const index_t m = candidates_ > 0 ? score::kept_count(patches_, options.alpha) : 0;
    for (index_t i = 0; i <= candidates_; ++i)
      kept_offsets_.push_back(i * m);
  } else if (request.kept) {
    AIFT_EXPECT(static_cast<index_t>(kept_offsets.size()) == candidates_ + 1, ShapeError,
                "The kept patches of {} ragged candidates need {} running numbers; got {}.",
                candidates_, candidates_ + 1, kept_offsets.size());
    kept_offsets_.assign(kept_offsets.begin(), kept_offsets.end());
  }
  const auto place = [&](std::size_t count, std::size_t element) {
    const std::size_t at = bytes_;
    bytes_ += count * element;
    return at;
  };
  place(1, sizeof(Status));
  const std::size_t n = size(candidates_);
  score_ = place(n, sizeof(double));
  entropy_ = place(n, sizeof(double));
  diversity_ = place(n, sizeof(double));
  mean_ = place(request.mean_probabilities ? n * size(classes_) : 0, sizeof(double));
  dominant_ = place(n, sizeof(label_t));
  kept_ = place(request.kept ? size(kept_offsets_.back()) : 0, sizeof(std::int32_t));
}

ScoreOutputs TableBlock::outputs(std::byte* block,
                                 DeviceView<const index_t> device_kept_offsets) const noexcept {
  const auto view = [&](auto type, std::size_t at, index_t count) {
    using T = decltype(type);
    return DeviceView<T>(reinterpret_cast<T*>(block + at), count);
  };
  ScoreOutputs out;
  out.score = view(double{}, score_, candidates_);
  out.entropy = view(double{}, entropy_, candidates_);
  out.diversity = view(double{}, diversity_, candidates_);
  out.dominant = view(label_t{}, dominant_, candidates_);
  if (request_.mean_probabilities)
    out.mean_probabilities = view(double{}, mean_, candidates_ * classes_);
  if (request_.kept) {
    out.kept = view(std::int32_t{}, kept_, kept_offsets_.back());
    if (!dense_) out.kept_offsets = device_kept_offsets;
  }
  return out;
}

std::optional<Offense> TableBlock::offense(const std::byte* host) const noexcept {
  Status word{};
  std::memcpy(&word, host, sizeof word);
  return decode(word);
}

void TableBlock::read(const std::byte* host, ScoreTable& out,
                      std::span<const std::int32_t> patches) const {
  if (candidates_ == 0) return;
  ScoreTable rows;
  rows.request = request_;
  rows.form = form_;
  rows.options = options_;
  rows.name = to_string(kind_);
  rows.classes = classes_;
  rows.first_candidate = out.first_candidate;
  const auto fetch = [&](auto& values, std::size_t at, index_t count) {
    values.resize(size(count));
    std::memcpy(values.data(), host + at, size(count) * sizeof values[0]);
  };
  fetch(rows.score, score_, candidates_);
  fetch(rows.entropy, entropy_, candidates_);
  fetch(rows.diversity, diversity_, candidates_);
  fetch(rows.dominant, dominant_, candidates_);
  if (request_.mean_probabilities) fetch(rows.mean_probabilities, mean_, candidates_ * classes_);
  if (request_.kept) {
    AIFT_EXPECT(dense_ || static_cast<index_t>(patches.size()) == candidates_, ShapeError,
                "A table with kept patches needs the number of patches of {} candidates; got {}.",
                candidates_, patches.size());
    rows.kept_offsets = kept_offsets_;
    fetch(rows.kept, kept_, kept_offsets_.back());
    if (dense_) {
      rows.patches.assign(size(candidates_), static_cast<std::int32_t>(patches_));
    } else {
      rows.patches.assign(patches.begin(), patches.end());
    }
  }
  out.append(rows);
}

}  // namespace aift::cuda
