// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is launched and with what: host code decides (score.cpp), .cu files launch.

#include <cuda_runtime_api.h>

#include <aift/cuda/score.hpp>

#include "score_tile.hpp"

namespace aift::cuda::detail {

/// Largest block of a form: what the registers of a multiprocessor are shared among.
constexpr int most_threads(ScoreForm form, bool single, bool wide) {
  if (form == ScoreForm::resident && !wide) return 256;
  return form == ScoreForm::resident && single ? 1024 : 512;
}
/// Blocks of that size for which a multiprocessor should have registers.
constexpr int least_blocks(ScoreForm form, bool single, bool wide) {
  if (form == ScoreForm::resident && !wide) return single ? 4 : 2;
  return form == ScoreForm::resident || !single ? 1 : 2;
}

/// How a task is run.
struct ScorePlan {
  int threads = 0;
  int blocks = 0;
  ScoreForm form = ScoreForm::resident;
  std::size_t tile_bytes = 0;  ///< of shared memory, or of workspace per block
  bool keep_logs = true;       ///< ScoreTask::keep_logs
};

/// Queues the task; `lay_out` has been called with the plan's tile.
void launch_score(const ScoreTask& task, bool single, const ScorePlan& plan, std::byte* workspace,
                  cudaStream_t stream);
/// What launch_score chooses from.
void launch_lanes(const ScoreTask& task, bool single, const ScorePlan& plan, cudaStream_t stream);
/// The same.
void launch_resident_single(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream);
/// The same.
void launch_resident_double(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream);
/// The same.
void launch_direct(const ScoreTask& task, bool single, const ScorePlan& plan, std::byte* workspace,
                   cudaStream_t stream);

/// Queues the entropies of all patches.
void launch_patch_entropies(const ScoreTask& task, bool single, int processors,
                            cudaStream_t stream);

/// What is counted per candidate.
enum class Counted : std::uint8_t { kept, cells };

/// Bytes of temporary storage of launch_offsets.
[[nodiscard]] std::size_t offsets_temporary_bytes(index_t candidates);
/// Queues the running numbers.
void launch_offsets(const ScoreTask& task, Counted counted, index_t* out, void* temporary,
                    std::size_t temporary_bytes, cudaStream_t stream);

}  // namespace aift::cuda::detail
