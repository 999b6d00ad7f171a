// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/loop/metrics.hpp>

namespace aift::bench {

/// Label of the reference that is fitted on the whole pool at once.
inline constexpr std::string_view kAllLabels = "(all labels)";

/// One point of a learning curve, and the batch that led to it.
struct CurvePoint {
  std::string task;                    ///< its name
  std::string selector;                ///< its label
  std::uint64_t seed = 0;              ///< of everything that is drawn
  index_t round = 0;                   ///< 0: the initial set
  index_t labels = 0;                  ///< so far
  Metrics metrics;                     ///< on the test side
  double seconds_fit = 0;              ///< of the classifier
  double seconds_select = 0;           ///< of the query before this point; 0 in round 0
  index_t bytes_select = -1;           ///< most memory in use during that query; -1: not known
  std::vector<index_t> batch_classes;  ///< [K] true classes in the batch
  index_t mislabelled = 0;             ///< of the batch: the reader was wrong
  index_t duplicates = 0;              ///< of the batch: near-copies
  index_t ambiguous = 0;               ///< of the batch: the class is a coin's
  double redundancy = 0;               ///< mean over the batch of the cosine to the most similar
                                       ///< other of the batch; NaN for fewer than two
  std::vector<index_t> picks;          ///< positions in the pool
};

/// All points as CSV with a header, numbers round-trip:
/// task,selector,seed,round,labels,auc,accuracy,balanced_accuracy,log_loss,seconds_fit,
/// seconds_select,batch_classes,mislabelled,duplicates,ambiguous,redundancy,picks
/// (the lists joined by spaces)
[[nodiscard]] std::string curves_csv(std::span<const CurvePoint> points);
/// Reads what curves_csv writes; further columns are passed over. throws IoError, ValueError
[[nodiscard]] std::vector<CurvePoint> parse_curves(std::string_view text, std::string_view name);
/// The same from a file.
[[nodiscard]] std::vector<CurvePoint> read_curves(const std::filesystem::path& file);

}  // namespace aift::bench
