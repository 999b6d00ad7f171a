// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/pool_pipeline.hpp>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <aift/augment/batch_renderer.hpp>
#include <aift/augment/image_augmenter.hpp>

#include "device_pass.hpp"

namespace aift {
namespace {

std::unique_ptr<float[]> make_floats(index_t count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count));
}

index_t ceil_div(index_t a, index_t b) { return (a + b - 1) / b; }

/// Worker threads render candidates, in order, into a ring of batches; the calling thread takes the
/// batches in order. Every patch has its place from the start (row = candidate * views + view), so
/// nothing depends on which thread is faster.
class RenderRing {
 public:
  RenderRing(const Augmenter& augmenter, const Source& source, index_t count,
             const std::function<CandidateRef(index_t)>& candidate, Purpose purpose, index_t round,
             const PatchFormat& format, index_t views, index_t batch, index_t workers)
      : augmenter_(augmenter),
        source_(source),
        images_(augmenter.images(source, format)),
        count_(count),
        candidate_(candidate),
        purpose_(purpose),
        round_(round),
        format_(format),
        views_(views),
        batch_(batch),
        rows_(count * views),
        batches_(ceil_div(rows_, batch)),
        // One batch is read, one is filled, and one takes the views that reach beyond it.
        slots_(std::min(std::max<index_t>(3, ceil_div(views, batch) + 2), batches_)),
        ring_(make_floats(slots_ * batch * format.elements())),
        missing_(static_cast<std::size_t>(slots_)) {
    for (index_t b = 0; b < slots_; ++b)
      missing_[static_cast<std::size_t>(b)] = rows_of(b);
    workers = std::min(workers, count);
    try {
      for (index_t w = 0; w < workers; ++w)
        threads_.emplace_back([this] { work(); });
    } catch (...) {  // the system gives no more threads
      if (threads_.empty()) throw;
    }
  }

  RenderRing(const RenderRing&) = delete;
  RenderRing& operator=(const RenderRing&) = delete;

  ~RenderRing() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    space_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }

  [[nodiscard]] index_t batches() const noexcept { return batches_; }
  [[nodiscard]] index_t rows_of(index_t b) const noexcept {
    return std::clamp<index_t>(rows_ - b * batch_, 0, batch_);
  }

  /// Waits until batch b, the next in order, is complete; gives its patches.
  std::span<const float> take(index_t b) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return missing_[slot(b)] == 0; });
    return {ring_.get() + static_cast<index_t>(slot(b)) * batch_ * format_.elements(),
            static_cast<std::size_t>(rows_of(b) * format_.elements())};
  }

  /// Hands the memory of batch b back to the workers.
  void release(index_t b) {
    {
      const std::lock_guard lock(mutex_);
      missing_[slot(b)] = rows_of(b + slots_);
      released_ = b + 1;
    }
    space_.notify_all();
  }

  /// Why a candidate could not be rendered; null when it could.
  std::exception_ptr failure(index_t candidate) {
    const std::lock_guard lock(mutex_);
    const auto found = failures_.find(candidate);
    return found == failures_.end() ? nullptr : found->second;
  }

 private:
  [[nodiscard]] std::size_t slot(index_t b) const noexcept {
    return static_cast<std::size_t>(b % slots_);
  }

  void work() {
    Hand hand;
    hand.plans.resize(static_cast<std::size_t>(views_));
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto has_space = [&] {
        return next_ * views_ + views_ <= (released_ + slots_) * batch_;
      };
      space_.wait(lock, [&] { return stop_ || next_ >= count_ || has_space(); });
      if (stop_ || next_ >= count_) return;
      const index_t candidate = next_++;
      lock.unlock();
      std::exception_ptr failure;
      try {
        render(candidate, hand);
      } catch (...) {
        failure = std::current_exception();
        blank(candidate);
      }
      lock.lock();
      if (failure) failures_.emplace(candidate, failure);
      const index_t begin = candidate * views_;
      const index_t end = begin + views_;
      for (index_t b = begin / batch_; b * batch_ < end; ++b) {
        const index_t overlap = std::min(end, (b + 1) * batch_) - std::max(begin, b * batch_);
        missing_[slot(b)] -= overlap;
        if (missing_[slot(b)] == 0) ready_.notify_one();
      }
    }
  }

  /// What a worker keeps from candidate to candidate.
  struct Hand {
    std::vector<PatchPlan> plans;
    BatchRenderer renderer;
    std::unique_ptr<float[]> staging;  // at the end of the ring, made when needed
  };

  /// Renders all views of a candidate at once, so that its image is decoded once.
  void render(index_t candidate, Hand& hand) {
    const CandidateRef ref = candidate_(candidate);
    for (index_t v = 0; v < views_; ++v)
      hand.plans[static_cast<std::size_t>(v)] = augmenter_.plan(ref, purpose_, round_, v);
    const index_t elements = format_.elements();
    const index_t capacity = slots_ * batch_;
    const index_t begin = candidate * views_ % capacity;
    const index_t head = std::min(views_, capacity - begin);
    float* const to = ring_.get() + begin * elements;
    const std::span<const PatchPlan> plans = hand.plans;
    if (images_ != nullptr) {
      const Image image = read_image(*images_, ref);
      const ImageView view = image.view();
      const auto draw = [&](std::span<const PatchPlan> some, float* place) {
        PatchOutput out;
        out.data = place;
        out.capacity = static_cast<index_t>(some.size());
        out.format = format_;
        hand.renderer.render({.images = {&view, 1}, .plans = some, .offsets = {}}, out);
      };
      draw(plans.first(static_cast<std::size_t>(head)), to);
      if (head < views_) draw(plans.subspan(static_cast<std::size_t>(head)), ring_.get());
      return;
    }
    if (head == views_) {
      augmenter_.render(plans, source_, {to, views_, format_});
      return;
    }
    if (!hand.staging) hand.staging = make_floats(views_ * elements);
    augmenter_.render(plans, source_, {hand.staging.get(), views_, format_});
    std::copy_n(hand.staging.get(), head * elements, to);
    std::copy_n(hand.staging.get() + head * elements, (views_ - head) * elements, ring_.get());
  }

  void blank(index_t candidate) noexcept {
    const index_t elements = format_.elements();
    const index_t capacity = slots_ * batch_;
    for (index_t v = 0; v < views_; ++v) {
      std::fill_n(ring_.get() + (candidate * views_ + v) % capacity * elements, elements, 0.0F);
    }
  }

  const Augmenter& augmenter_;
  const Source& source_;
  const ImageSource* images_;  // when its patches are those of BatchRenderer
  index_t count_;
  const std::function<CandidateRef(index_t)>& candidate_;
  Purpose purpose_;
  index_t round_;
  PatchFormat format_;
  index_t views_;
  index_t batch_;
  index_t rows_;
  index_t batches_;
  index_t slots_;
  std::unique_ptr<float[]> ring_;

  std::mutex mutex_;
  std::condition_variable space_;  // workers wait for it
  std::condition_variable ready_;  // the calling thread waits for it
  std::vector<index_t> missing_;   // rows per slot not rendered yet
  std::map<index_t, std::exception_ptr> failures_;
  index_t next_ = 0;      // candidate to be rendered next
  index_t released_ = 0;  // batches the calling thread is done with
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

std::string_view stage_of(const PipelineOptions& options, Purpose purpose) {
  if (!options.stage.empty()) return options.stage;
  if (purpose == Purpose::scoring) return "score";
  if (purpose == Purpose::test) return "test";
  return "predict";
}

/// What every pass is handed; gives the number of views. Refuses as predict_pool says.
index_t check_pass(const ModelInfo& info, const Augmenter& augmenter, Purpose purpose,
                   index_t count, const PipelineOptions& options) {
  const index_t views = options.views > 0 ? options.views : augmenter.patches(purpose);
  AIFT_EXPECT(options.batch >= 1, ValueError, "batch must be at least 1 patch; got {}.",
              options.batch);
  AIFT_EXPECT(options.workers >= 1, ValueError, "workers must be at least 1 thread; got {}.",
              options.workers);
  AIFT_EXPECT(options.views >= 0 && views >= 1, ValueError,
              "A candidate needs at least 1 view; got {}.",
              options.views < 0 ? options.views : views);
  AIFT_EXPECT(info.classes >= 1 && info.input.elements() >= 1, ShapeError,
              "A model must take patches of at least 1 pixel and give at least 1 class; "
              "\"{}\" takes [{}, {}, {}] and gives {}.",
              info.architecture, info.input.channels, info.input.height, info.input.width,
              info.classes);
  AIFT_EXPECT(count >= 0, ValueError, "The number of candidates must be at least 0; got {}.",
              count);
  return views;
}

void expect_features(const ModelInfo& info, bool wanted) {
  AIFT_EXPECT(!wanted || info.feature_size >= 1, ValueError,
              "Features were asked for, but the model \"{}\" gives none; use a model with features "
              "or a selector that needs none.",
              info.architecture);
}

/// The model's device pipeline and the images it takes, where both are there.
struct OnDevice {
  const DevicePipeline* pipeline = nullptr;
  const ImageSource* images = nullptr;
};

OnDevice on_device(const Model& model, const Augmenter& augmenter, const Source& source) {
  const DevicePipeline* pipeline = model.device_pipeline();
  const ImageSource* images =
      pipeline == nullptr ? nullptr : augmenter.images(source, model.info().input);
  return images == nullptr ? OnDevice{} : OnDevice{pipeline, images};
}

void predict_on_device(const OnDevice& device, const ModelInfo& info, const PoolWalk& walk,
                       index_t views, const PipelineOptions& options, std::string_view stage,
                       Progress& progress,
                       const std::function<void(const PredictedChunk&)>& deliver) {
  DeviceRequest request;
  request.views = views;
  request.batch = options.batch;
  request.logits = true;
  request.features = options.features;
  const index_t width = options.features ? info.feature_size : 0;
  run_device_pass(
      *device.pipeline, request, walk, options, stage, progress, [&](const DeviceRows& rows) {
        const auto part = [&](std::span<const float> values, index_t columns) {
          return values.subspan(static_cast<std::size_t>(rows.row * views * columns),
                                static_cast<std::size_t>(rows.candidates * views * columns));
        };
        PredictedChunk chunk;
        chunk.first = rows.first;
        chunk.candidates = rows.candidates;
        chunk.patches = views;
        chunk.classes = info.classes;
        chunk.logits = part(rows.results.logits, info.classes);
        chunk.feature_size = width;
        if (width > 0) chunk.features = part(rows.results.features, width);
        deliver(chunk);
      });
}

}  // namespace

void predict_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                  std::span<const CandidateRef> candidates, Purpose purpose, index_t round,
                  const PipelineOptions& options, Progress& progress,
                  const std::function<void(const PredictedChunk&)>& deliver) {
  predict_pool(
      model, augmenter, source, static_cast<index_t>(candidates.size()),
      [&](index_t i) { return candidates[static_cast<std::size_t>(i)]; }, purpose, round, options,
      progress, deliver);
}

void predict_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                  index_t count, const std::function<CandidateRef(index_t)>& candidate,
                  Purpose purpose, index_t round, const PipelineOptions& options,
                  Progress& progress, const std::function<void(const PredictedChunk&)>& deliver) {
  const ModelInfo& info = model.info();
  const index_t views = check_pass(info, augmenter, purpose, count, options);
  expect_features(info, options.features);
  if (count == 0) return;
  if (const OnDevice device = on_device(model, augmenter, source); device.pipeline != nullptr) {
    predict_on_device(device, info, {augmenter, *device.images, count, candidate, purpose, round},
                      views, options, stage_of(options, purpose), progress, deliver);
    return;
  }

  const index_t classes = info.classes;
  const index_t width = options.features ? info.feature_size : 0;
  const std::string_view stage = stage_of(options, purpose);

  // Predictions of rows not yet delivered: what one pass adds, and a candidate it left unfinished.
  std::vector<float> logits(static_cast<std::size_t>((options.batch + views) * classes));
  std::vector<float> features(static_cast<std::size_t>((options.batch + views) * width));
  index_t held = 0;  // rows in them
  index_t done = 0;  // candidates delivered

  const auto deliver_rows = [&](index_t offset, index_t several) {
    PredictedChunk chunk;
    chunk.first = done + offset;
    chunk.candidates = several;
    chunk.patches = views;
    chunk.classes = classes;
    chunk.logits =
        std::span<const float>(logits).subspan(static_cast<std::size_t>(offset * views * classes),
                                               static_cast<std::size_t>(several * views * classes));
    chunk.feature_size = width;
    chunk.features =
        std::span<const float>(features).subspan(static_cast<std::size_t>(offset * views * width),
                                                 static_cast<std::size_t>(several * views * width));
    deliver(chunk);
  };
  const auto keep_tail = [&](std::vector<float>& values, index_t columns, index_t rows) {
    std::copy(values.begin() + rows * columns, values.begin() + held * columns, values.begin());
  };

  RenderRing ring(augmenter, source, count, candidate, purpose, round, info.input, views,
                  options.batch, options.workers);
  progress.report(stage, 0, count);
  for (index_t b = 0; b < ring.batches(); ++b) {
    throw_if_cancelled(progress);
    const std::span<const float> patches = ring.take(b);
    const index_t rows = ring.rows_of(b);

    // Faults end the pass at the first batch they touch, the first candidate's before the others'.
    const index_t last = (b * options.batch + rows - 1) / views;
    for (index_t c = b * options.batch / views; c <= last; ++c) {
      if (const std::exception_ptr failure = ring.failure(c)) {
        try {
          std::rethrow_exception(failure);
        } catch (const IoError&) {
          if (!options.on_unreadable) throw;
        }
      }
    }

    model.predict(patches, rows,
                  std::span<float>(logits).subspan(static_cast<std::size_t>(held * classes),
                                                   static_cast<std::size_t>(rows * classes)),
                  std::span<float>(features).subspan(static_cast<std::size_t>(held * width),
                                                     static_cast<std::size_t>(rows * width)));
    ring.release(b);
    held += rows;

    const index_t complete = held / views;
    index_t run = 0;  // first candidate not handed over
    for (index_t i = 0; i < complete; ++i) {
      const std::exception_ptr failure = options.on_unreadable ? ring.failure(done + i) : nullptr;
      if (!failure) continue;
      if (i > run) deliver_rows(run, i - run);
      run = i + 1;
      try {
        std::rethrow_exception(failure);
      } catch (const IoError& error) {
        options.on_unreadable(done + i, error.what());
      }
    }
    if (complete > run) deliver_rows(run, complete - run);
    keep_tail(logits, classes, complete * views);
    keep_tail(features, width, complete * views);
    held -= complete * views;
    done += complete;
    progress.report(stage, done, count);
  }
}

namespace {

void append_means(const PredictedChunk& chunk, std::vector<double>& rows,
                  std::vector<double>& means) {
  rows.resize(chunk.logits.size());
  softmax_rows(chunk.logits, chunk.classes, rows);
  const std::size_t before = means.size();
  means.resize(before + static_cast<std::size_t>(chunk.candidates * chunk.classes));
  mean_over_views(rows, chunk.candidates, chunk.patches, chunk.classes,
                  std::span<double>(means).subspan(before));
}

void append_mean_features(const PredictedChunk& chunk, std::vector<float>& features) {
  const auto d = static_cast<std::size_t>(chunk.feature_size);
  const auto q = static_cast<std::size_t>(chunk.patches);
  for (std::size_t i = 0; i < static_cast<std::size_t>(chunk.candidates); ++i) {
    for (std::size_t f = 0; f < d; ++f) {
      double sum = 0;
      for (std::size_t v = 0; v < q; ++v)
        sum += static_cast<double>(chunk.features[(i * q + v) * d + f]);
      features.push_back(static_cast<float>(sum / static_cast<double>(q)));
    }
  }
}

/// Everything on the device; `recipe` is that of the scorer, when there is one.
void summarise_on_device(const OnDevice& device, const ModelInfo& info, const PoolWalk& walk,
                         index_t views, const SummaryRequest& wanted,
                         const std::optional<ScoreRecipe>& recipe, const PipelineOptions& options,
                         std::string_view stage, Progress& progress, PoolSummary& out) {
  DeviceRequest request;
  request.views = views;
  request.batch = options.batch;
  request.mean_probabilities = wanted.mean_probabilities;
  request.mean_features = wanted.mean_features;
  request.score = recipe;
  request.logits = wanted.scorer != nullptr && !recipe;
  run_device_pass(
      *device.pipeline, request, walk, options, stage, progress, [&](const DeviceRows& rows) {
        const auto add = [&](auto& to, auto from, index_t columns) {
          const auto part = from.subspan(static_cast<std::size_t>(rows.row * columns),
                                         static_cast<std::size_t>(rows.candidates * columns));
          to.insert(to.end(), part.begin(), part.end());
        };
        if (wanted.mean_probabilities)
          add(out.mean_probabilities, rows.results.mean_probabilities, info.classes);
        if (wanted.mean_features)
          add(out.mean_features, rows.results.mean_features, info.feature_size);
        if (recipe) {
          if (rows.row > 0) return;  // a batch's rows have all come with its first
          ScoreTable table = *rows.results.scores;
          table.name = wanted.scorer->name();
          out.scores.append(table);
        } else if (wanted.scorer != nullptr) {
          const auto part = rows.results.logits.subspan(
              static_cast<std::size_t>(rows.row * views * info.classes),
              static_cast<std::size_t>(rows.candidates * views * info.classes));
          wanted.scorer->score(PatchPredictions::dense(part.data(), rows.candidates, views,
                                                       info.classes, PredictionKind::logits),
                               out.scores);
        }
      });
}

}  // namespace

PoolSummary summarise_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                           index_t count, const std::function<CandidateRef(index_t)>& candidate,
                           Purpose purpose, index_t round, const SummaryRequest& request,
                           const PipelineOptions& options, Progress& progress) {
  const ModelInfo& info = model.info();
  const index_t views = check_pass(info, augmenter, purpose, count, options);
  expect_features(info, request.mean_features);
  PoolSummary out;
  const auto n = static_cast<std::size_t>(count);
  if (request.scorer != nullptr) {
    out.scores.score.reserve(n);
    out.scores.entropy.reserve(n);
    out.scores.diversity.reserve(n);
    out.scores.dominant.reserve(n);
  }
  if (request.mean_probabilities)
    out.mean_probabilities.reserve(n * static_cast<std::size_t>(info.classes));
  if (request.mean_features)
    out.mean_features.reserve(n * static_cast<std::size_t>(info.feature_size));
  const OnDevice device = on_device(model, augmenter, source);
  if (device.pipeline != nullptr && count > 0) {
    const std::optional<ScoreRecipe> recipe =
        request.scorer == nullptr ? std::nullopt : request.scorer->recipe();
    summarise_on_device(device, info, {augmenter, *device.images, count, candidate, purpose, round},
                        views, request, recipe, options, stage_of(options, purpose), progress, out);
    return out;
  }
  PipelineOptions with_features = options;
  with_features.features = request.mean_features;
  std::vector<double> rows;
  predict_pool(model, augmenter, source, count, candidate, purpose, round, with_features, progress,
               [&](const PredictedChunk& chunk) {
                 if (request.scorer != nullptr) {
                   request.scorer->score(
                       PatchPredictions::dense(chunk.logits.data(), chunk.candidates, chunk.patches,
                                               chunk.classes, PredictionKind::logits),
                       out.scores);
                 }
                 if (request.mean_probabilities) append_means(chunk, rows, out.mean_probabilities);
                 if (request.mean_features) append_mean_features(chunk, out.mean_features);
               });
  return out;
}

void softmax_rows(std::span<const float> logits, index_t classes, std::span<double> out) {
  AIFT_EXPECT(classes >= 1 && logits.size() == out.size() &&
                  static_cast<index_t>(logits.size()) % classes == 0,
              ShapeError,
              "softmax needs logits and output of the same [n, {}]; got {} and {} values.", classes,
              logits.size(), out.size());
  const auto k = static_cast<std::size_t>(classes);
  for (std::size_t row = 0; row < logits.size(); row += k) {
    const float top = *std::max_element(logits.begin() + static_cast<std::ptrdiff_t>(row),
                                        logits.begin() + static_cast<std::ptrdiff_t>(row + k));
    double sum = 0;
    for (std::size_t i = row; i < row + k; ++i) {
      out[i] = std::exp(static_cast<double>(logits[i]) - static_cast<double>(top));
      sum += out[i];
    }
    for (std::size_t i = row; i < row + k; ++i)
      out[i] /= sum;
  }
}

std::vector<double> predict_mean_probabilities(const Model& model, const Augmenter& augmenter,
                                               const Source& source,
                                               std::span<const CandidateRef> candidates,
                                               Purpose purpose, index_t round,
                                               const PipelineOptions& options, Progress& progress) {
  const auto classes = static_cast<std::size_t>(model.info().classes);
  std::vector<double> mean(candidates.size() * classes, std::numeric_limits<double>::quiet_NaN());
  std::vector<double> rows;
  predict_pool(model, augmenter, source, candidates, purpose, round, options, progress,
               [&](const PredictedChunk& chunk) {
                 rows.resize(chunk.logits.size());
                 softmax_rows(chunk.logits, chunk.classes, rows);
                 mean_over_views(rows, chunk.candidates, chunk.patches, chunk.classes,
                                 std::span<double>(mean).subspan(
                                     static_cast<std::size_t>(chunk.first) * classes,
                                     static_cast<std::size_t>(chunk.candidates) * classes));
               });
  return mean;
}

void mean_over_views(std::span<const double> rows, index_t candidates, index_t views,
                     index_t classes, std::span<double> out) {
  AIFT_EXPECT(candidates >= 0 && views >= 1 && classes >= 1 &&
                  static_cast<index_t>(rows.size()) == candidates * views * classes &&
                  static_cast<index_t>(out.size()) == candidates * classes,
              ShapeError,
              "A mean over views needs [{}, {}, {}] values and [{}, {}] out; got {} and {}.",
              candidates, views, classes, candidates, classes, rows.size(), out.size());
  for (index_t i = 0; i < candidates; ++i) {
    for (index_t k = 0; k < classes; ++k) {
      double sum = 0;
      for (index_t v = 0; v < views; ++v)
        sum += rows[static_cast<std::size_t>((i * views + v) * classes + k)];
      out[static_cast<std::size_t>(i * classes + k)] = sum / static_cast<double>(views);
    }
  }
}

}  // namespace aift
