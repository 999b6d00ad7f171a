// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/batch_renderer.hpp>

#include <algorithm>
#include <vector>

#include <aift/core/error.hpp>

#include "src/augment/patch_renderer.hpp"

namespace aift {

struct BatchRenderer::State {
  std::vector<render::PatchRenderer> workers;
  std::vector<render::Command> commands;
};

BatchRenderer::BatchRenderer() : state_(std::make_unique<State>()) {}
BatchRenderer::~BatchRenderer() = default;
BatchRenderer::BatchRenderer(BatchRenderer&&) noexcept = default;
BatchRenderer& BatchRenderer::operator=(BatchRenderer&&) noexcept = default;

void BatchRenderer::render(const RenderBatch& batch, const PatchOutput& out, Executor* executor) {
  const auto images = static_cast<index_t>(batch.images.size());
  const auto plans = static_cast<index_t>(batch.plans.size());
  render::check_batch(batch);
  render::check_output(out, plans);
  if (plans == 0) return;

  const auto first_plan = [&](index_t image) { return render::first_plan(batch, image); };
  std::vector<render::Command>& commands = state_->commands;
  commands.clear();
  for (index_t i = 0; i < images; ++i) {
    const ImageView& image = batch.images[static_cast<std::size_t>(i)];
    render::check_image(image);
    for (index_t p = first_plan(i); p < first_plan(i + 1); ++p) {
      commands.push_back(render::prepare(batch.plans[static_cast<std::size_t>(p)], image.width,
                                         image.height, out.format));
    }
  }

  const index_t at_once = executor == nullptr ? 1 : executor->workers();
  if (static_cast<index_t>(state_->workers.size()) < at_once)
    state_->workers.resize(static_cast<std::size_t>(at_once));
  // The averaged source is shared by the plans of an image; with fewer images than workers their
  // plans are divided, and every worker averages for itself.
  const index_t pieces = images >= 2 * at_once ? 1 : at_once;
  const auto task = [&](index_t t, int worker) {
    const index_t i = t / pieces;
    const index_t piece = t % pieces;
    const index_t begin = first_plan(i);
    const index_t count = first_plan(i + 1) - begin;
    const index_t first = begin + count * piece / pieces;
    const index_t last = begin + count * (piece + 1) / pieces;
    if (first == last) return;
    state_->workers[static_cast<std::size_t>(worker)].render(
        batch.images[static_cast<std::size_t>(i)],
        std::span<const render::Command>(commands).subspan(static_cast<std::size_t>(first),
                                                           static_cast<std::size_t>(last - first)),
        out, first);
  };
  InlineExecutor alone;
  (executor == nullptr ? static_cast<Executor&>(alone) : *executor).run(images * pieces, task);
}

}  // namespace aift
