// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aift/select/registry.hpp>
#include <aift/select/top_b.hpp>

#include "src/c/context.hpp"
#include "src/c/convert.hpp"
#include "src/c/guard.hpp"
#include "src/c/result.hpp"

/// Behind aift_selector.
struct aift_selector {
  std::unique_ptr<aift::Selector> selector;
};

namespace {

/// The built-in selectors; made when first asked for, never changed.
const aift::SelectorRegistry& registry() {
  static const aift::SelectorRegistry all = aift::SelectorRegistry::with_builtin();
  return all;
}

const aift::SelectorRegistry::Entry* entry(std::int32_t number) noexcept {
  try {
    const auto& entries = registry().entries();
    if (number < 0 || static_cast<std::size_t>(number) >= entries.size()) return nullptr;
    return &entries[static_cast<std::size_t>(number)];
  } catch (...) {
    aift::capi::translate_exception();
    return nullptr;
  }
}

/// The caller's array as a span; NULL is an empty one.
template <class T>
std::span<const T> span_of(const T* values, std::int64_t count) {
  if (values == nullptr) return {};
  return {values, static_cast<std::size_t>(count)};
}

/// count x columns, refused before it overflows.
std::int64_t product(std::int64_t count, std::int64_t columns, const char* what) {
  AIFT_EXPECT(columns >= 0 && (columns == 0 || count <= INT64_MAX / 16 / columns), ShapeError,
              "{} x {} {} is no size of an array.", count, columns, what);
  return count * columns;
}

template <class T>
void put_if_any(aift_result& result, std::int32_t column, std::vector<T>&& values) {
  if (!values.empty()) result.put(column, std::move(values));
}

}  // namespace

extern "C" {

aift_status aift_top_b(aift_context* context, const void* scores, int64_t count, int32_t dtype,
                       int64_t budget, aift_result** out) {
  return aift::capi::guarded([&] {
    aift::capi::expect_given(context, "context");
    aift::capi::expect_given(out, "out");
    AIFT_EXPECT(count >= 0, ShapeError, "count must be at least 0; got {}.", count);
    if (count > 0) aift::capi::expect_given(scores, "scores");
    AIFT_EXPECT(dtype == AIFT_F64 || dtype == AIFT_F32, ValueError,
                "dtype of scores must be AIFT_F64 ({}) or AIFT_F32 ({}); got {}.",
                static_cast<int>(AIFT_F64), static_cast<int>(AIFT_F32), dtype);
    auto result = std::make_unique<aift_result>();
    const auto pick = [&](const auto* values) {
      std::vector<std::int64_t> indices =
          aift::top_b(span_of(values, count), budget, context->executor());
      std::vector<double> best;
      best.reserve(indices.size());
      for (const std::int64_t i : indices)
        best.push_back(static_cast<double>(values[i]));
      result->put(AIFT_INDEX, std::move(indices));
      result->put(AIFT_SCORE, std::move(best));
    };
    if (dtype == AIFT_F64) {
      pick(static_cast<const double*>(scores));
    } else {
      pick(static_cast<const float*>(scores));
    }
    *out = result.release();
  });
}

int32_t aift_selector_count(void) {
  try {
    return static_cast<int32_t>(registry().entries().size());
  } catch (...) {
    aift::capi::translate_exception();
    return 0;
  }
}

const char* aift_selector_name(int32_t number) {
  const auto* found = entry(number);
  return found != nullptr ? found->name.c_str() : nullptr;
}

const char* aift_selector_summary(int32_t number) {
  const auto* found = entry(number);
  return found != nullptr ? found->summary.c_str() : nullptr;
}

const char* aift_selector_options(int32_t number) {
  const auto* found = entry(number);
  return found != nullptr ? found->options.c_str() : nullptr;
}

aift_status aift_selector_create(const char* name, const char* const* settings, int64_t count,
                                 aift_selector** out) {
  return aift::capi::guarded([&] {
    aift::capi::expect_given(name, "name");
    aift::capi::expect_given(out, "out");
    AIFT_EXPECT(count >= 0, ShapeError, "count must be at least 0; got {}.", count);
    if (count > 0) aift::capi::expect_given(settings, "settings");
    aift::Settings read;
    for (int64_t i = 0; i < count; ++i) {
      aift::capi::expect_given(settings[i], "A setting");
      read.set(std::string_view(settings[i]));
    }
    auto made = std::make_unique<aift_selector>();
    made->selector = registry().make(name, read);
    *out = made.release();
  });
}

void aift_selector_destroy(aift_selector* selector) { delete selector; }

void aift_pool_init(aift_pool* pool) {
  if (pool == nullptr) return;
  *pool = aift_pool{};
  pool->struct_size = sizeof(aift_pool);
}

aift_status aift_select(aift_context* context, const aift_selector* selector, const aift_pool* pool,
                        int64_t budget, int64_t round, aift_result** out) {
  return aift::capi::guarded([&] {
    aift::capi::expect_given(context, "context");
    aift::capi::expect_given(selector, "selector");
    aift::capi::expect_given(out, "out");
    context->begin();
    aift_pool defaults;
    aift_pool_init(&defaults);
    const auto read = aift::capi::read_struct(pool, defaults, "aift_pool", sizeof(aift_pool));
    AIFT_EXPECT(read.size >= 0 && read.classes >= 0, ShapeError,
                "size and classes of a pool must be at least 0; got {} and {}.", read.size,
                read.classes);

    aift::PatchPredictions predictions;
    aift::PoolView view;
    view.size = read.size;
    view.classes = read.classes;
    if (read.predictions != nullptr) {
      predictions = aift::capi::read_predictions(read.predictions);
      view.predictions = &predictions;
    }
    view.mean_probabilities =
        span_of(read.mean_probabilities, product(read.size, read.classes, "mean probabilities"));
    view.features = span_of(read.features, product(read.size, read.feature_size, "features"));
    view.feature_size = read.feature_size;
    view.labels = span_of(read.labels, read.size);
    view.groups = span_of(read.groups, read.size);
    view.costs = span_of(read.costs, read.size);
    view.ids = span_of(read.ids, read.size);

    aift::Selection selection =
        selector->selector->select(view, budget, {.seed = context->seed(), .round = round, .executor = context->executor()});
    auto result = std::make_unique<aift_result>();
    result->put(AIFT_INDEX, std::move(selection.indices));
    put_if_any(*result, AIFT_SCORE, std::move(selection.score));
    put_if_any(*result, AIFT_ENTROPY, std::move(selection.entropy));
    put_if_any(*result, AIFT_DIVERSITY, std::move(selection.diversity));
    put_if_any(*result, AIFT_DOMINANT, std::move(selection.dominant));
    if (!selection.kept.empty()) {
      std::vector<std::int64_t> offsets = {0};
      std::vector<std::int32_t> kept;
      for (const auto& patches : selection.kept) {
        kept.insert(kept.end(), patches.begin(), patches.end());
        offsets.push_back(static_cast<std::int64_t>(kept.size()));
      }
      result->put(AIFT_KEPT_OFFSETS, std::move(offsets));
      result->put(AIFT_KEPT, std::move(kept));
    }
    result->reasons = std::move(selection.reason);
    *out = result.release();
  });
}

}  // extern "C"
