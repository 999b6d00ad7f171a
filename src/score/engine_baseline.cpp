// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>
#include <aift/score/majority.hpp>

#include "engine_list.hpp"

namespace aift::score::detail {

namespace {
#include "engine_body.hpp"

template <class T>
bool run_plain(const Job& job, index_t first, index_t last, std::byte* scratch) {
  Carver carver{scratch};
  Scratch<T> s;
  carve_plain(carver, job, s);
  for (index_t i = first; i < last; ++i) {
    if (!score_plain(job, i, s)) return false;
  }
  return true;
}

bool run(const Job& job, index_t first, index_t last, std::byte* scratch) {
  return job.options.precision == Precision::single ? run_plain<float>(job, first, last, scratch)
                                                    : run_plain<double>(job, first, last, scratch);
}

std::size_t scratch_bytes(const Job& job) {
  Carver carver{nullptr};
  if (job.options.precision == Precision::single) {
    Scratch<float> s;
    carve_plain(carver, job, s);
  } else {
    Scratch<double> s;
    carve_plain(carver, job, s);
  }
  return carver.used;
}

template <class T>
Offender find_offender_in(const Job& job, index_t first, index_t last) {
  const PatchPredictions& chunk = job.chunk;
  const index_t classes = chunk.classes;
  const bool logits = chunk.kind == PredictionKind::logits;
  const Terms<T> terms = terms_of<T>(job);
  std::vector<T> memory(static_cast<std::size_t>(classes));
  for (index_t i = first; i < last; ++i) {
    for (index_t j = 0; j < chunk.patch_count(i); ++j) {
      const T* const row = read_rows(chunk, chunk.row_begin(i) + j, 1, memory.data());
      for (index_t k = 0; k < classes; ++k) {
        Fault fault = Fault::none;
        if (!(magnitude(row[k]) <= std::numeric_limits<T>::max())) {
          fault = Fault::not_finite;
        } else if (!logits && row[k] < T{0}) {
          fault = Fault::negative;
        } else if (!logits && row[k] < terms.least) {
          fault = Fault::zero_without_eps;
        }
        if (fault != Fault::none) return {fault, i, j, static_cast<double>(row[k])};
      }
      if (logits) continue;
      const T sum = math::class_sum(row, classes);
      if (!(magnitude(sum - T{1}) <= terms.tolerance))
        return {Fault::row_sum, i, j, static_cast<double>(sum)};
    }
  }
  return {};
}

}  // namespace

const Engine kBaselineEngine = {"baseline", run, scratch_bytes, probe};

Offender find_offender(const Job& job, index_t first, index_t last) {
  return job.options.precision == Precision::single ? find_offender_in<float>(job, first, last)
                                                    : find_offender_in<double>(job, first, last);
}

}  // namespace aift::score::detail
