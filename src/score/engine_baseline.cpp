// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <type_traits>

#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>
#include <aift/score/majority.hpp>

#include "engine.hpp"

namespace aift::score::detail {

namespace {
#include "engine_body.hpp"
}  // namespace

Offender run_baseline(const Job& job) { return run_job(job); }

double contraction_probe_baseline(double a, double b, double c) noexcept { return probe(a, b, c); }

std::size_t scratch_bytes(const Job& job) noexcept {
  Scratch<double> doubles;
  Scratch<float> floats;
  return job.options.precision == Precision::single ? carve(nullptr, job, floats)
                                                    : carve(nullptr, job, doubles);
}

}  // namespace aift::score::detail
