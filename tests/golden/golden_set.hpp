// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads a golden set (tests/golden/own/README.md describes the format) and compares the library
// with it.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <aift/core/predictions.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>
#include <aift/score/scores.hpp>
#include <aift/select/score_selector.hpp>

namespace aift::test {

/// Predictions of one set with what is expected of them.
struct GoldenSet {
  std::string name;
  nlohmann::json json;
  PredictionKind kind = PredictionKind::probabilities;
  bool is_float = false;       ///< inputs are float32 values
  std::vector<double> values;  ///< [sum q, K]
  std::vector<float> floats;   ///< the same when is_float
  std::vector<index_t> offsets;
  index_t classes = 0;
  double eps = 0;

  /// As f64 values.
  [[nodiscard]] PatchPredictions doubles() const {
    return PatchPredictions::ragged<double>(values, offsets, classes, kind);
  }
  /// As f32 values; only when is_float.
  [[nodiscard]] PatchPredictions singles() const {
    return PatchPredictions::ragged<float>(floats, offsets, classes, kind);
  }
};

namespace detail {

/// Values of a version 1 npy file of '<f4' or '<f8' in C order.
inline std::vector<double> read_npy(const std::filesystem::path& file, bool& is_float) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0 || bytes[6] != 1) {
    throw std::runtime_error("not a version 1 npy file: " + file.string());
  }
  const std::size_t start = 10 + static_cast<unsigned char>(bytes[8]) +
                            256 * std::size_t{static_cast<unsigned char>(bytes[9])};
  const std::string header = bytes.substr(10, start - 10);
  is_float = header.find("'<f4'") != std::string::npos;
  if ((!is_float && header.find("'<f8'") == std::string::npos) ||
      header.find("'fortran_order': False") == std::string::npos) {
    throw std::runtime_error("unexpected npy header: " + header);
  }
  std::vector<double> values;
  const std::size_t size = is_float ? 4 : 8;
  for (std::size_t at = start; at + size <= bytes.size(); at += size) {
    if (is_float) {
      float x = 0;
      std::memcpy(&x, bytes.data() + at, size);
      values.push_back(static_cast<double>(x));
    } else {
      double x = 0;
      std::memcpy(&x, bytes.data() + at, size);
      values.push_back(x);
    }
  }
  return values;
}

}  // namespace detail

/// The set of that file.
inline GoldenSet read_golden(const std::filesystem::path& json_file) {
  GoldenSet set;
  set.json = nlohmann::json::parse(std::ifstream(json_file));
  set.name = set.json.at("set");
  set.classes = set.json.at("K");
  set.eps = set.json.at("eps");
  set.is_float = set.json.at("dtype") == "float32";
  if (set.json.value("kind", "probabilities") == "logits") set.kind = PredictionKind::logits;
  const auto& probs = set.json.at("probs");
  if (probs.is_string()) {
    set.values = detail::read_npy(json_file.parent_path() / probs.get<std::string>(), set.is_float);
  } else {
    for (const auto& row : probs) {
      for (const auto& x : row)
        set.values.push_back(x);
    }
  }
  set.offsets.push_back(0);
  for (const auto& q : set.json.at("q"))
    set.offsets.push_back(set.offsets.back() + q.get<index_t>());
  if (set.is_float) set.floats.assign(set.values.begin(), set.values.end());
  if (static_cast<index_t>(set.values.size()) != set.offsets.back() * set.classes) {
    throw std::runtime_error("rows and q disagree in " + json_file.string());
  }
  return set;
}

/// What came out of a comparison.
struct Comparison {
  index_t values = 0;   ///< numbers compared
  index_t skipped = 0;  ///< candidates whose patches or class hang on a rounding
  double worst = 0;     ///< largest |x - expected| / max(1, |expected|)
  std::vector<std::string>
      wrong;  ///< everything beyond the tolerance, kept patches that differ, ...

  void number(const std::string& what, double got, double expected, double tolerance) {
    ++values;
    const double off = std::abs(got - expected) / std::max(1.0, std::abs(expected));
    if (!(off <= tolerance)) {
      wrong.push_back(fmt::format("{}: got {}, expected {}", what, got, expected));
    }
    worst = std::max(worst, std::isnan(off) ? HUGE_VAL : off);
  }
  void same(const std::string& what, bool equal) {
    ++values;
    if (!equal) wrong.push_back(what + " differs");
  }
};

/// Whether a patch is less than `border` from the least confident kept one, without being equal to
/// it.
inline bool nearly_tied(const GoldenSet& set, index_t i, const nlohmann::json& want,
                        double border) {
  if (set.kind == PredictionKind::logits) return false;  // `boundary_gap` has to do
  const auto confidence = [&](index_t j) {
    const index_t row = set.offsets[static_cast<std::size_t>(i)] + j;
    return set
        .values[static_cast<std::size_t>(row * set.classes + want.at("dominant").get<index_t>())];
  };
  const double least = confidence(want.at("kept").back().get<index_t>());
  const index_t q =
      set.offsets[static_cast<std::size_t>(i) + 1] - set.offsets[static_cast<std::size_t>(i)];
  for (index_t j = 0; j < q; ++j) {
    const double distance = std::abs(confidence(j) - least);
    if (distance > 0 && distance < border) return true;
  }
  return false;
}

/// Compares every score, kept patch, dominant class, patch entropy, matrix R and ranking.
///
/// border  a dominant class or a kept patch decided by less than this (and not by an exact tie) is
/// not
///         compared, nor what follows from it; rankings are compared where nothing was left out
[[nodiscard]] inline Comparison compare(const GoldenSet& set, const PatchPredictions& predictions,
                                        Precision precision, double tolerance, double border) {
  Comparison result;
  const auto& expected = set.json.at("expected");
  const auto at = [](index_t i) { return static_cast<std::size_t>(i); };
  const index_t n = predictions.candidates;

  ScoreOptions options;
  options.eps = set.eps;
  options.precision = precision;
  std::vector<double> entropies;
  score::patch_entropies(predictions, options, entropies);
  for (index_t i = 0; i < n; ++i) {
    const auto& want = expected.at(at(i)).at("patch_entropy");
    for (std::size_t j = 0; j < want.size(); ++j) {
      result.number(fmt::format("{} candidate {} patch {} entropy", set.name, i, j),
                    entropies[at(set.offsets[at(i)]) + j], want[j], tolerance);
    }
  }

  options.alpha = 1;
  score::MatrixTable matrices;
  score::matrix(predictions, options, matrices);
  for (index_t i = 0; i < n; ++i) {
    const auto& candidate = expected.at(at(i));
    if (!candidate.contains("R")) continue;
    const std::size_t q = candidate.at("R").size();
    for (std::size_t j = 0; j < q; ++j) {
      for (std::size_t l = 0; l < q; ++l) {
        result.number(fmt::format("{} candidate {} R[{},{}]", set.name, i, j, l),
                      matrices.of(i)[j * q + l], candidate.at("R").at(j).at(l), tolerance);
      }
    }
  }

  for (const auto& [alpha, ranking] : set.json.at("ranking").items()) {
    options.alpha = std::stod(alpha);
    std::vector<bool> compared(at(n), true);
    for (const ScoreKind kind : kScoreKinds) {
      const std::string name =
          kind == ScoreKind::aift ? "entropy_diversity" : std::string(to_string(kind));
      ScoreTable table;
      table.request.kept = true;
      score::compute(kind, predictions, options, table);
      for (index_t i = 0; i < n; ++i) {
        const auto& candidate = expected.at(at(i));
        const auto& want = candidate.at("alpha").at(alpha);
        const double gap = candidate.at("dominant_gap");
        const double edge =
            want.at("boundary_gap").is_null() ? 1.0 : want.at("boundary_gap").get<double>();
        const double rounding = std::max(border, 1e-12);
        if ((gap > 0 && gap < rounding) || (border > 0 && edge > 0 && edge < border) ||
            nearly_tied(set, i, want, border)) {
          compared[at(i)] = false;
          ++result.skipped;
          continue;
        }
        const std::string where = fmt::format("{} alpha {} candidate {} ", set.name, alpha, i);
        result.same(where + "dominant class", table.dominant[at(i)] == want.at("dominant"));
        const auto kept = table.kept_of(i);
        const auto want_kept = want.at("kept").get<std::vector<std::int32_t>>();
        if (border == 0) {
          result.same(where + "kept patches",
                      std::equal(kept.begin(), kept.end(), want_kept.begin(), want_kept.end()));
        } else {  // rounding the input may make equal what was not
          result.same(where + "kept patches",
                      std::set<std::int32_t>(kept.begin(), kept.end()) ==
                          std::set<std::int32_t>(want_kept.begin(), want_kept.end()));
        }
        result.number(where + name, table.score[at(i)], want.at(name), tolerance);
      }
      if (border > 0) continue;
      // Positions that are not told apart by more than 1e-9 form one set each.
      const auto order = ranking.at(name).at("order").get<std::vector<index_t>>();
      const auto close = ranking.at(name).at("close_after").get<std::set<index_t>>();
      const std::vector<index_t> ours = top_b(table.score, n);
      if (std::find(compared.begin(), compared.end(), false) != compared.end()) continue;
      std::set<index_t> got;
      std::set<index_t> want;
      for (index_t r = 0; r < n; ++r) {
        got.insert(ours[at(r)]);
        want.insert(order[at(r)]);
        if (close.contains(r)) continue;
        result.same(fmt::format("{} alpha {} ranking by {} up to {}", set.name, alpha, name, r),
                    got == want);
        got.clear();
        want.clear();
      }
    }
  }
  return result;
}

}  // namespace aift::test
