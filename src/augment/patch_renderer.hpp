// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <aift/augment/batch_renderer.hpp>

#include "src/augment/prepare.hpp"
#include "src/augment/render_engine.hpp"

namespace aift::render {

/// Bytes of a patch.
[[nodiscard]] index_t patch_bytes(const PatchFormat& format, DType type);

/// Renders and keeps its working memory from one image to the next. One per thread.
class PatchRenderer {
 public:
  explicit PatchRenderer(const Engine& engine = best_engine()) : engine_(engine) {}

  /// The plans of one image as float32 planes; out has room for all of them. Checks everything.
  void render(const ImageView& image, std::span<const PatchPlan> plans, const PatchFormat& format,
              float* out);

  /// What has been checked and prepared: commands of one image, to out.data from patch `first` on.
  void render(const ImageView& image, std::span<const Command> commands, const PatchOutput& out,
              index_t first);

 private:
  struct Canvas {
    std::int32_t box_x = 0;
    std::int32_t box_y = 0;
    std::vector<std::uint16_t> pixels;
  };

  std::uint16_t* canvas_for(const ImageView& image, const Command& command);

  Engine engine_;
  std::vector<Canvas> canvases_;  ///< the first `used_` are of the current image
  std::size_t used_ = 0;
  std::vector<Command> commands_;
  std::vector<std::uint16_t> sums_;
  std::vector<std::int32_t> places_;
  std::vector<float> numbers_;
};

}  // namespace aift::render
