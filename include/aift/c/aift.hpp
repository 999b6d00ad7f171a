// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aift/aift.h>

/// The C interface for C++17: owners that clean up, exceptions instead of status codes. Header-only,
/// links aift_c alone. Applications on C++20 can use the library itself (aift::core).
namespace aift::c {

/// A status other than AIFT_OK; what() is the library's sentence.
class Error : public std::runtime_error {
 public:
  /// From a failed call.
  Error(aift_status status, const char* message) : std::runtime_error(message), status_(status) {}
  /// What the call returned.
  [[nodiscard]] aift_status status() const noexcept { return status_; }

 private:
  aift_status status_;
};

/// throws Error when a call failed
inline void check(aift_status status) {
  if (status != AIFT_OK) throw Error(status, aift_last_error());
}

/// Numbers that belong to a Result.
template <class T>
class View {
 public:
  View() = default;
  /// `size` elements from `data` on.
  View(const T* data, std::int64_t size) : data_(data), size_(size) {}
  /// First element.
  [[nodiscard]] const T* begin() const noexcept { return data_; }
  /// Behind the last element.
  [[nodiscard]] const T* end() const noexcept { return data_ + size_; }
  /// First element.
  [[nodiscard]] const T* data() const noexcept { return data_; }
  /// Elements.
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  /// Whether there are none.
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Element i, not checked.
  [[nodiscard]] const T& operator[](std::int64_t i) const noexcept { return data_[i]; }

 private:
  const T* data_ = nullptr;
  std::int64_t size_ = 0;
};

/// aift_result: the columns that the function of aift.h lists, others are empty. A view lives as long
/// as its Result, so a Result that has no name gives none.
class Result {
 public:
  /// Takes over; null is an empty result.
  explicit Result(aift_result* result) : result_(result) {}

  /// Column AIFT_SCORE.
  [[nodiscard]] View<double> score() const& { return f64(AIFT_SCORE); }
  View<double> score() const&& = delete;
  /// Column AIFT_ENTROPY.
  [[nodiscard]] View<double> entropy() const& { return f64(AIFT_ENTROPY); }
  View<double> entropy() const&& = delete;
  /// Column AIFT_DIVERSITY.
  [[nodiscard]] View<double> diversity() const& { return f64(AIFT_DIVERSITY); }
  View<double> diversity() const&& = delete;
  /// Column AIFT_CELLS.
  [[nodiscard]] View<double> cells() const& { return f64(AIFT_CELLS); }
  View<double> cells() const&& = delete;
  /// Column AIFT_MEAN_PROBABILITIES.
  [[nodiscard]] View<double> mean_probabilities() const& { return f64(AIFT_MEAN_PROBABILITIES); }
  View<double> mean_probabilities() const&& = delete;
  /// Column AIFT_PATCH_ENTROPIES.
  [[nodiscard]] View<double> patch_entropies() const& { return f64(AIFT_PATCH_ENTROPIES); }
  View<double> patch_entropies() const&& = delete;
  /// Column AIFT_DOMINANT.
  [[nodiscard]] View<std::int32_t> dominant() const& { return i32(AIFT_DOMINANT); }
  View<std::int32_t> dominant() const&& = delete;
  /// Column AIFT_KEPT.
  [[nodiscard]] View<std::int32_t> kept() const& { return i32(AIFT_KEPT); }
  View<std::int32_t> kept() const&& = delete;
  /// Column AIFT_KEPT_OFFSETS.
  [[nodiscard]] View<std::int64_t> kept_offsets() const& { return i64(AIFT_KEPT_OFFSETS); }
  View<std::int64_t> kept_offsets() const&& = delete;
  /// Column AIFT_CELL_OFFSETS.
  [[nodiscard]] View<std::int64_t> cell_offsets() const& { return i64(AIFT_CELL_OFFSETS); }
  View<std::int64_t> cell_offsets() const&& = delete;
  /// Column AIFT_INDEX.
  [[nodiscard]] View<std::int64_t> index() const& { return i64(AIFT_INDEX); }
  View<std::int64_t> index() const&& = delete;
  /// Why pick `rank` was picked; empty where nothing is said.
  [[nodiscard]] std::string reason(std::int64_t rank) const {
    const char* const text = aift_result_reason(result_.get(), rank);
    return text != nullptr ? text : "";
  }
  /// For calls of the C interface.
  [[nodiscard]] const aift_result* get() const noexcept { return result_.get(); }

 private:
  struct Destroy {
    void operator()(aift_result* result) const noexcept { aift_result_destroy(result); }
  };
  [[nodiscard]] View<double> f64(std::int32_t column) const {
    return view(aift_result_f64(result_.get(), column), column);
  }
  [[nodiscard]] View<std::int64_t> i64(std::int32_t column) const {
    return view(aift_result_i64(result_.get(), column), column);
  }
  [[nodiscard]] View<std::int32_t> i32(std::int32_t column) const {
    return view(aift_result_i32(result_.get(), column), column);
  }
  template <class T>
  [[nodiscard]] View<T> view(const T* data, std::int32_t column) const {
    return data != nullptr ? View<T>(data, aift_result_size(result_.get(), column)) : View<T>();
  }

  std::unique_ptr<aift_result, Destroy> result_;
};

/// Structs with their defaults.
[[nodiscard]] inline aift_context_options context_options() {
  aift_context_options options;
  aift_context_options_init(&options);
  return options;
}
/// Options with their defaults.
[[nodiscard]] inline aift_score_options score_options() {
  aift_score_options options;
  aift_score_options_init(&options);
  return options;
}
/// A pool without anything in it.
[[nodiscard]] inline aift_pool pool() {
  aift_pool pool;
  aift_pool_init(&pool);
  return pool;
}
/// [candidates, patches, classes] values that the caller keeps; T is double or float.
template <class T>
[[nodiscard]] aift_predictions dense(const T* values, std::int64_t candidates, std::int64_t patches,
                                     std::int64_t classes, std::int32_t kind) {
  static_assert(std::is_same_v<T, double> || std::is_same_v<T, float>,
                "for f16 and bf16 set `dtype` of the struct");
  aift_predictions predictions;
  aift_predictions_init(&predictions);
  predictions.values = values;
  predictions.candidates = candidates;
  predictions.patches = patches;
  predictions.classes = classes;
  predictions.dtype = std::is_same_v<T, double> ? AIFT_F64 : AIFT_F32;
  predictions.kind = kind;
  return predictions;
}

/// aift_selector with its options.
class Selector {
 public:
  /// settings  "key=value" each. throws Error (AIFT_VALUE): unknown name or option
  explicit Selector(const std::string& name, const std::vector<std::string>& settings = {}) {
    std::vector<const char*> texts;
    for (const std::string& setting : settings)
      texts.push_back(setting.c_str());
    aift_selector* made = nullptr;
    check(aift_selector_create(name.c_str(), texts.data(), static_cast<std::int64_t>(texts.size()),
                               &made));
    selector_.reset(made);
  }
  /// For calls of the C interface.
  [[nodiscard]] const aift_selector* get() const noexcept { return selector_.get(); }

 private:
  struct Destroy {
    void operator()(aift_selector* selector) const noexcept { aift_selector_destroy(selector); }
  };
  std::unique_ptr<aift_selector, Destroy> selector_;
};

/// aift_context: one call at a time. Every function throws Error.
class Context {
 public:
  /// A context of its own.
  explicit Context(const aift_context_options& options = context_options()) {
    aift_context* made = nullptr;
    check(aift_context_create(&options, &made));
    context_.reset(made);
  }

  /// Scores by name.
  [[nodiscard]] Result score(const aift_predictions& predictions, const std::string& name = "aift",
                             const aift_score_options& options = score_options()) {
    return made([&](aift_result** out) {
      return aift_score(context_.get(), &predictions, name.c_str(), &options, out);
    });
  }
  /// Dominant classes and kept patches.
  [[nodiscard]] Result majority(const aift_predictions& predictions,
                                const aift_score_options& options = score_options()) {
    return made([&](aift_result** out) {
      return aift_majority(context_.get(), &predictions, &options, out);
    });
  }
  /// Pairwise matrices of the kept patches.
  [[nodiscard]] Result matrices(const aift_predictions& predictions,
                                const aift_score_options& options = score_options()) {
    return made([&](aift_result** out) {
      return aift_matrices(context_.get(), &predictions, &options, out);
    });
  }
  /// Entropy of every patch.
  [[nodiscard]] Result patch_entropies(const aift_predictions& predictions,
                                       const aift_score_options& options = score_options()) {
    return made([&](aift_result** out) {
      return aift_patch_entropies(context_.get(), &predictions, &options, out);
    });
  }
  /// The `budget` largest of `count` scores.
  [[nodiscard]] Result top_b(const double* scores, std::int64_t count, std::int64_t budget) {
    return made([&](aift_result** out) {
      return aift_top_b(context_.get(), scores, count, AIFT_F64, budget, out);
    });
  }
  /// The same for float.
  [[nodiscard]] Result top_b(const float* scores, std::int64_t count, std::int64_t budget) {
    return made([&](aift_result** out) {
      return aift_top_b(context_.get(), scores, count, AIFT_F32, budget, out);
    });
  }
  /// The picks of a selector.
  [[nodiscard]] Result select(const Selector& selector, const aift_pool& pool, std::int64_t budget,
                              std::int64_t round = 0) {
    return made([&](aift_result** out) {
      return aift_select(context_.get(), selector.get(), &pool, budget, round, out);
    });
  }
  /// For calls of the C interface.
  [[nodiscard]] aift_context* get() const noexcept { return context_.get(); }

 private:
  struct Destroy {
    void operator()(aift_context* context) const noexcept { aift_context_destroy(context); }
  };
  template <class Call>
  Result made(Call&& call) {
    aift_result* result = nullptr;
    check(call(&result));
    return Result(result);
  }

  std::unique_ptr<aift_context, Destroy> context_;
};

}  // namespace aift::c
