// SPDX-License-Identifier: Apache-2.0
#include <aift/score/score_table.hpp>

#include <algorithm>

#include <aift/core/error.hpp>

namespace aift {

namespace {

template <class T>
void extend(std::vector<T>& out, const std::vector<T>& more) {
  out.insert(out.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::int32_t> ScoreTable::dropped_of(index_t i) const {
  if (patches.empty()) return {};
  const auto held = kept_of(i);
  std::vector<char> is_kept(static_cast<std::size_t>(patches[static_cast<std::size_t>(i)]), 0);
  for (const std::int32_t j : held)
    is_kept[static_cast<std::size_t>(j)] = 1;
  std::vector<std::int32_t> dropped;
  dropped.reserve(is_kept.size() - held.size());
  for (std::size_t j = 0; j < is_kept.size(); ++j) {
    if (is_kept[j] == 0) dropped.push_back(static_cast<std::int32_t>(j));
  }
  return dropped;
}

void ScoreTable::append(const ScoreTable& chunk) {
  if (chunk.size() == 0) return;
  if (size() == 0) {
    const index_t first = first_candidate;
    *this = chunk;
    first_candidate = first;
    return;
  }
  AIFT_EXPECT(
      name == chunk.name, ShapeError,
      "Chunks of one table must come from one score; the table holds \"{}\", the chunk \"{}\".",
      name, chunk.name);
  AIFT_EXPECT(
      classes == chunk.classes, ShapeError,
      "Chunks of one table must agree in the number of classes; the table has {}, the chunk {}.",
      classes, chunk.classes);
  AIFT_EXPECT(
      form == chunk.form, ShapeError,
      "Chunks of one table must all be probabilities or all logits; the table was made from "
      "one, the chunk from the other.");
  AIFT_EXPECT(
      options == chunk.options, ShapeError,
      "Chunks of one table must be scored with the same options; those of the chunk differ.");
  AIFT_EXPECT(request == chunk.request && entropy.empty() == chunk.entropy.empty() &&
                  diversity.empty() == chunk.diversity.empty() &&
                  dominant.empty() == chunk.dominant.empty(),
              ShapeError,
              "Chunks of one table must hold the same columns; those of the chunk differ.");
  const index_t offset = kept_offsets.empty() ? 0 : kept_offsets.back();
  extend(score, chunk.score);
  extend(entropy, chunk.entropy);
  extend(diversity, chunk.diversity);
  extend(dominant, chunk.dominant);
  extend(kept, chunk.kept);
  extend(patches, chunk.patches);
  extend(mean_probabilities, chunk.mean_probabilities);
  if (!chunk.kept_offsets.empty()) {
    std::transform(chunk.kept_offsets.begin() + 1, chunk.kept_offsets.end(),
                   std::back_inserter(kept_offsets), [&](index_t o) { return o + offset; });
  }
}

void ScoreTable::clear() noexcept {
  score.clear();
  entropy.clear();
  diversity.clear();
  dominant.clear();
  kept_offsets.clear();
  kept.clear();
  patches.clear();
  mean_probabilities.clear();
}

void ScoreTable::reuse(ScoreTable& other) noexcept {
  score.swap(other.score);
  entropy.swap(other.entropy);
  diversity.swap(other.diversity);
  dominant.swap(other.dominant);
  kept_offsets.swap(other.kept_offsets);
  kept.swap(other.kept);
  patches.swap(other.patches);
  mean_probabilities.swap(other.mean_probabilities);
  clear();
}

}  // namespace aift
