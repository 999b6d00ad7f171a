// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>

namespace aift {

/// Renders plans and keeps its working memory from one image to the next. One per thread.
class PatchRenderer {
 public:
  /// The plans of one image; out has room for all of them.
  void render(const ImageView& image, std::span<const PatchPlan> plans, const PatchFormat& format,
              float* out);

 private:
  /// The source as floats, four to a pixel (R, G, B, unused), averaged in boxes, with one further
  /// column and row that hold the border value.
  struct Canvas {
    index_t box_x = 0;
    index_t box_y = 0;
    index_t width = 0;
    index_t height = 0;
    int border_value = -1;  ///< in the further column and row; -1: nothing yet
    std::vector<float> pixels;
    [[nodiscard]] index_t stride() const { return 4 * (width + 1); }
  };

  Canvas& canvas_for(const ImageView& image, index_t box_x, index_t box_y);
  void fill(const ImageView& image, Canvas& canvas);
  void render_one(const ImageView& image, const PatchPlan& plan, const PatchFormat& format,
                  float* out);

  std::vector<Canvas> canvases_;  ///< the first `used_` are of the current image
  std::size_t used_ = 0;
  std::vector<std::uint32_t> sums_;
  std::vector<std::int32_t> column_offset_;
  std::vector<std::int64_t> row_offset_;
  std::vector<std::int32_t> column_;
  std::vector<std::int32_t> row_;
  std::vector<float> column_part_;
  std::vector<float> row_part_;
  std::vector<float> line_;
};

}  // namespace aift
