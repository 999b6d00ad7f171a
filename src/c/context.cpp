// SPDX-License-Identifier: Apache-2.0
#include "src/c/context.hpp"

#include "src/c/guard.hpp"

aift_context::aift_context(const aift_context_options& options) : options_(options) {
  AIFT_EXPECT(options.threads >= 0, ValueError,
              "threads must be at least 0 (0: one per processor); got {}.", options.threads);
  if (options.threads != 1) executor_ = std::make_unique<aift::ThreadExecutor>(options.threads);
}

void aift_context::report(std::string_view stage, aift::index_t done, aift::index_t total) {
  if (options_.progress == nullptr || cancelled_) return;
  cancelled_ = options_.progress(options_.user, std::string(stage).c_str(), done, total) != 0;
}

void aift_context::note(std::string_view line) {
  if (options_.log != nullptr) options_.log(options_.user, std::string(line).c_str());
}

extern "C" {

void aift_context_options_init(aift_context_options* options) {
  if (options == nullptr) return;
  *options = aift_context_options{};
  options->struct_size = sizeof(aift_context_options);
  options->threads = 1;
}

aift_status aift_context_create(const aift_context_options* options, aift_context** out) {
  return aift::capi::guarded([&] {
    aift::capi::expect_given(out, "out");
    aift_context_options defaults;
    aift_context_options_init(&defaults);
    if (options == nullptr) options = &defaults;
    const auto read = aift::capi::read_struct(options, defaults, "aift_context_options",
                                              sizeof(aift_context_options));
    *out = std::make_unique<aift_context>(read).release();
  });
}

void aift_context_destroy(aift_context* context) { delete context; }

}  // extern "C"
