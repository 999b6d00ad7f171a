// SPDX-License-Identifier: Apache-2.0
// Golden vectors on the GPU: the stored numbers, and the bits of the CPU on the same input. Sets of
// the repository always, those of AIFT_SHARED_DIR where it is.
#include <filesystem>

#include "gpu_score_run.hpp"
#include "tests/golden/golden_set.hpp"

namespace {

namespace fs = std::filesystem;
using namespace aift;

void check(test::Checks& checks, const test::GoldenSet& set, bool singles, Precision precision,
           cudaStream_t stream) {
  const PatchPredictions host = singles ? set.singles() : set.doubles();
  const std::size_t bytes = singles ? set.floats.size() * 4 : set.values.size() * 8;
  const test::DeviceChunk chunk(host, set.offsets, bytes);
  for (const auto& [alpha, ranking] : set.json.at("ranking").items()) {
    for (const ScoreKind kind : kScoreKinds) {
      test::ScoreCase c;  // only for the oracle
      c.kind = set.kind;
      c.dense = false;
      c.dtype = host.dtype;
      c.classes = set.classes;
      c.offsets = set.offsets;
      c.storage.resize((bytes + 7) / 8);
      std::memcpy(c.storage.data(), host.values, bytes);
      c.options.alpha = std::stod(alpha);
      c.options.eps = set.eps;
      c.options.precision = precision;
      c.rank = kind;
      const std::string name = set.name + ": " + c.name();
      const test::ScoreAnswer expected = test::expected_answer(c, true);
      const test::ScoreAnswer got = test::gpu_answer(chunk, kind, c.options, expected, stream);
      const std::string wrong = test::difference(got, expected);
      checks.expect(wrong.empty(), name + wrong);
      if (precision == Precision::single) continue;
      const std::string key =
          kind == ScoreKind::aift ? "entropy_diversity" : std::string(to_string(kind));
      for (std::size_t i = 0; i < got.score.size(); ++i) {
        const auto& candidate = set.json.at("expected").at(i);
        const double gap = candidate.at("dominant_gap");
        if (gap > 0 && gap < 1e-12) continue;  // hangs on a rounding
        const double want = candidate.at("alpha").at(alpha).at(key);
        checks.expect(std::abs(got.score[i] - want) <= 1e-9 * std::max(1.0, std::abs(want)),
                      test::text(name, ", candidate ", i, ": ", got.score[i], " for ", want));
      }
    }
  }
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  std::vector<fs::path> folders = {fs::path(AIFT_SOURCE_DIR) / "tests" / "golden" / "own"};
  const char* named = std::getenv("AIFT_SHARED_DIR");
  const fs::path shared = named != nullptr && *named != '\0'
                              ? fs::path(named)
                              : fs::path(AIFT_SOURCE_DIR).parent_path() / "shared";
  if (fs::is_directory(shared / "golden")) {
    folders.push_back(shared / "golden");
  } else {
    std::printf("no folder golden in the shared data (AIFT_SHARED_DIR): only the own sets\n");
  }
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string stem = entry.path().stem().string();
      if (entry.path().extension() != ".json" || stem == "acft_and_random" ||
          stem == "published_examples") {
        continue;
      }
      const test::GoldenSet set = test::read_golden(entry.path());
      try {
        check(checks, set, false, Precision::double_, stream);
        check(checks, set, false, Precision::single, stream);
        if (set.is_float) {
          check(checks, set, true, Precision::double_, stream);
          check(checks, set, true, Precision::single, stream);
        }
      } catch (const std::exception& error) {
        checks.expect(false, set.name + ": " + error.what());
      }
    }
  }
  cudaStreamDestroy(stream);
  return checks.finish("gpu_golden");
}
