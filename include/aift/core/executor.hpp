// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <aift/core/types.hpp>

namespace aift {

/// What an executor runs: `call(index, worker)`. Refers to the caller's function, owns nothing and
/// allocates nothing; it lives as long as the call it is handed to.
class TaskRef {
 public:
  /// Refers to `function(index, worker)`, which must outlive the call.
  template <class Function,
            class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<Function>, TaskRef>>>
  TaskRef(Function&& function) noexcept  // NOLINT(google-explicit-constructor): as function_ref
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* object, index_t index, int worker) {
          (*static_cast<std::add_pointer_t<std::remove_reference_t<Function>>>(object))(index,
                                                                                        worker);
        }) {}
  /// Calls it.
  void operator()(index_t index, int worker) const { call_(object_, index, worker); }

 private:
  void* object_;
  void (*call_)(void*, index_t, int);
};

/// Runs independent tasks, given by whoever calls the library: an application hands in its own
/// thread pool, or one of the two below. The library has no pool of its own and starts no thread
/// that nobody asked for. Results never depend on the executor.
class Executor {
 public:
  virtual ~Executor() = default;
  /// How many tasks may run at the same time, at least 1: callers keep working memory for each.
  [[nodiscard]] virtual int workers() const noexcept = 0;
  /// Calls task(i, w) once for every i in [0, count), w in [0, workers()), in any order, never two
  /// at a time with the same w; returns when all have returned. An exception of a task is thrown
  /// here (of several, one); tasks that had not begun may then be left out.
  virtual void run(index_t count, TaskRef task) = 0;
};

/// Everything in the calling thread, in ascending order.
class InlineExecutor final : public Executor {
 public:
  [[nodiscard]] int workers() const noexcept override { return 1; }
  void run(index_t count, TaskRef task) override {
    for (index_t i = 0; i < count; ++i)
      task(i, 0);
  }
};

/// A fixed number of threads, started once and kept until the executor ends; the calling thread is
/// one of them. They sleep between runs.
///
/// thread safe: `run` may be called from several threads, one run after the other. Not from within
/// a task.
class ThreadExecutor final : public Executor {
 public:
  /// threads  how many in all, at least 1; 0: one for every processor this process may use.
  /// throws   ValueError (negative), std::system_error (no thread to be had)
  explicit ThreadExecutor(int threads = 0);
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  [[nodiscard]] int workers() const noexcept override;
  void run(index_t count, TaskRef task) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aift
