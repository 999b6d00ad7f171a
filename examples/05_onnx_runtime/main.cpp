// SPDX-License-Identifier: Apache-2.0
// Ranks candidates by what a network said of their views that ONNX Runtime ran, batch by batch, without a
// copy of its outputs. No LibTorch, no OpenCV.
#include <cstdio>
#include <span>
#include <vector>

#include <aift/select/aift_selector.hpp>

#if WITH_ONNX_RUNTIME
#include <onnxruntime_cxx_api.h>
#endif

// [begin ranking]
/// Takes in the logits of one batch of candidates, [candidates, views, classes], as they lie in the
/// runtime's output; they are not needed any more when it returns.
class Ranking {
 public:
  void add(const float* logits, aift::index_t candidates, aift::index_t views,
           aift::index_t classes) {
    selector_.score(aift::PatchPredictions::dense(logits, candidates, views, classes,
                                                  aift::PredictionKind::logits),
                    table_);
  }
  /// The `batch` candidates to ask about, numbered over all batches.
  [[nodiscard]] aift::Selection hardest(aift::index_t batch) const {
    return selector_.select({.size = table_.size(), .classes = table_.classes, .scores = &table_},
                            batch);
  }

 private:
  // All views count; a smaller alpha drops those that contradict the majority, as noise.
  aift::AiftSelector selector_{{.alpha = 1}};
  aift::ScoreTable table_;
};
// [end ranking]

#if WITH_ONNX_RUNTIME
// [begin output]
/// The output "logits" [candidates * views, classes] of one Session::Run.
void add_output(Ranking& ranking, const Ort::Value& logits, aift::index_t views) {
  const std::vector<int64_t> shape = logits.GetTensorTypeAndShapeInfo().GetShape();
  ranking.add(logits.GetTensorData<float>(), shape.at(0) / views, views, shape.at(1));
}
// [end output]
#endif

int main() {
  // In the place of a runtime's outputs: two batches, four views each, two classes.
  const std::vector<float> first = {
      0, 1, 1, 0, 0, 2, 2, 0,   // candidate 0 disagrees with itself a little
      9, 0, 9, 0, 8, 0, 9, 0};  // candidate 1 is sure
  const std::vector<float> second = {0, 4, 5, 0, 0, 3, 0, 6};  // candidate 2 contradicts itself
  Ranking ranking;
  ranking.add(first.data(), 2, 4, 2);
  ranking.add(second.data(), 1, 4, 2);
  const aift::Selection picks = ranking.hardest(2);
  std::printf("ask about candidate %d first, then %d\n", static_cast<int>(picks.indices[0]),
              static_cast<int>(picks.indices[1]));
  return 0;
}
