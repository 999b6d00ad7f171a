// SPDX-License-Identifier: Apache-2.0
// Time to render the views of a batch of images, beside OpenCV's warpAffine + normalisation + split
// into planes on the same images and matrices, taking turns. Decoding is not included.
//
//   bench_render [repetitions = 15] [threads = 2] [milliseconds of work per repetition = 20]
//
// One JSON line per case and number of threads: microseconds per patch as [least, median, most].
//   geometry   no colour changes: what the OpenCV chain does too
//   views      with the colour changes of scoring views, which the OpenCV chain leaves out
//   opencv     the quicker one of: images divided among the threads, and OpenCV's own threads
// ratio = opencv / geometry, median over median. Where a patch covers two or more source pixels per
// pixel our renderer averages boxes first, which OpenCV does not.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <aift/augment/batch_renderer.hpp>
#include <aift/augment/image_augmenter.hpp>

#if __has_include(<opencv2/imgproc.hpp>)  // only there when the benchmark is linked with it
#include <opencv2/imgproc.hpp>
#define AIFT_BENCH_OPENCV 1
#endif

namespace {

using namespace aift;

struct Case {
  index_t width, height, side, views;
  DType type;
  PatchLayout layout;
};

Image make_image(index_t width, index_t height, std::uint32_t seed) {
  Image image;
  image.width = width;
  image.height = height;
  image.pixels.resize(static_cast<std::size_t>(3 * width * height));
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(((i + seed) * 2654435761u) >> 13);
  return image;
}

#if defined(AIFT_BENCH_OPENCV)
/// The same map as the plan's, from output pixel centres to source pixel centres.
cv::Matx23d matrix_of(const PatchPlan& plan, const ImageView& image, const PatchFormat& format) {
  const auto& m = plan.matrix;
  const double w = static_cast<double>(image.width);
  const double h = static_cast<double>(image.height);
  const double ow = static_cast<double>(format.width);
  const double oh = static_cast<double>(format.height);
  const double a = m[0] * w / ow;
  const double b = m[1] * h / oh;
  const double c = m[3] * w / ow;
  const double d = m[4] * h / oh;
  return {a, b, a * (0.5 - ow / 2) + b * (0.5 - oh / 2) + w / 2 * (1 + m[2]) - 0.5,
          c, d, c * (0.5 - ow / 2) + d * (0.5 - oh / 2) + h / 2 * (1 + m[5]) - 0.5};
}

struct OpenCvScratch {
  cv::Mat warped;
  cv::Mat values;
};

void render_opencv(const ImageView& image, const PatchPlan& plan, const PatchFormat& format,
                   OpenCvScratch& scratch, float* out) {
  const int width = static_cast<int>(format.width);
  const int height = static_cast<int>(format.height);
  const cv::Mat source(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3,
                       const_cast<std::uint8_t*>(image.data),
                       static_cast<std::size_t>(image.stride));
  cv::warpAffine(source, scratch.warped, matrix_of(plan, image, format), {width, height},
                 cv::INTER_LINEAR | cv::WARP_INVERSE_MAP, cv::BORDER_REFLECT_101);
  const double factor = 1 / static_cast<double>(format.std[0]);
  scratch.warped.convertTo(scratch.values, CV_32FC3, factor,
                           -static_cast<double>(format.mean[0]) * factor);
  const index_t plane = format.width * format.height;
  cv::Mat planes[3];
  for (int c = 0; c < 3; ++c)
    planes[c] = cv::Mat(height, width, CV_32FC1, out + c * plane);
  cv::split(scratch.values, planes);
}
#endif

struct Times {
  std::vector<double> us;
  [[nodiscard]] double median() const { return us.empty() ? 0 : us[us.size() / 2]; }
  [[nodiscard]] std::string text() const {
    char buffer[96];
    std::snprintf(buffer, sizeof buffer, "[%.2f, %.2f, %.2f]", us.empty() ? 0 : us.front(),
                  median(), us.empty() ? 0 : us.back());
    return buffer;
  }
};

template <class F>
void measure(Times& times, index_t patches, bool keep, const F& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  if (keep) times.us.push_back(taken.count() / static_cast<double>(patches));
}

void run(const Case& c, int repetitions, int threads, index_t images) {
  std::vector<Image> pixels;
  std::vector<ImageView> views;
  for (index_t i = 0; i < images; ++i)
    pixels.push_back(make_image(c.width, c.height, static_cast<std::uint32_t>(i)));
  for (const Image& image : pixels)
    views.push_back(image.view());
  ImageAugmentOptions options;
  options.format.height = options.format.width = c.side;
  const ImageAugmenter augmenter(options);
  std::vector<PatchPlan> plans;
  for (index_t i = 0; i < images; ++i) {
    for (index_t v = 0; v < c.views; ++v) {
      // Views from 1 on: the identity is cheaper.
      plans.push_back(
          augmenter.plan({i, static_cast<std::uint64_t>(i)}, Purpose::scoring, 0, v + 1));
    }
  }
  std::vector<PatchPlan> plain = plans;
  for (PatchPlan& plan : plain) {
    plan.gain = {1, 1, 1};
    plan.contrast = plan.saturation = 1;
    plan.brightness = 0;
  }
  const auto patches = static_cast<index_t>(plans.size());
  std::vector<float> memory(static_cast<std::size_t>(patches * options.format.elements()));
  const PatchOutput out{memory.data(), patches, c.type, c.layout, options.format};

  ThreadExecutor pool(threads);
  BatchRenderer renderer;
  Times geometry;
  Times with_colour;
  Times divided;
  Times inside;
  for (int r = -1; r < repetitions; ++r) {
    const bool keep = r >= 0;
    measure(geometry, patches, keep, [&] { renderer.render({views, plain, {}}, out, &pool); });
    measure(with_colour, patches, keep, [&] { renderer.render({views, plans, {}}, out, &pool); });
#if defined(AIFT_BENCH_OPENCV)
    std::vector<OpenCvScratch> scratch(static_cast<std::size_t>(threads));
    const auto render = [&](index_t i, int worker) {
      for (index_t v = 0; v < c.views; ++v) {
        const index_t p = i * c.views + v;
        render_opencv(views[static_cast<std::size_t>(i)], plain[static_cast<std::size_t>(p)],
                      options.format, scratch[static_cast<std::size_t>(worker)],
                      memory.data() + p * options.format.elements());
      }
    };
    cv::setNumThreads(1);
    measure(divided, patches, keep, [&] { pool.run(images, render); });
    if (threads > 1) {
      cv::setNumThreads(threads);
      measure(inside, patches, keep, [&] {
        for (index_t i = 0; i < images; ++i)
          render(i, 0);
      });
    }
#endif
  }
  for (Times* times : {&geometry, &with_colour, &divided, &inside})
    std::sort(times->us.begin(), times->us.end());
  const Times& opencv = !inside.us.empty() && inside.median() < divided.median() ? inside : divided;
  std::printf(
      "{\"source\": \"%ldx%ld\", \"patch\": %ld, \"views\": %ld, \"images\": %ld, \"type\": "
      "\"%s\", \"layout\": \"%s\", \"threads\": %d, \"geometry_us\": %s, \"views_us\": %s, "
      "\"opencv_us\": %s, \"ratio\": %.2f}\n",
      static_cast<long>(c.width), static_cast<long>(c.height), static_cast<long>(c.side),
      static_cast<long>(c.views), static_cast<long>(images),
      c.type == DType::f32   ? "f32"
      : c.type == DType::f16 ? "f16"
                             : "bf16",
      c.layout == PatchLayout::nchw ? "nchw" : "nhwc", threads, geometry.text().c_str(),
      with_colour.text().c_str(), opencv.text().c_str(), opencv.median() / geometry.median());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 15;
  const int most_threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const double work_ms = argc > 3 ? std::atof(argv[3]) : 20;
  const auto f32 = DType::f32;
  const auto nchw = PatchLayout::nchw;
  const std::vector<Case> cases = {
      {256, 256, 96, 8, f32, nchw},         {256, 256, 96, 8, DType::f16, nchw},
      {256, 256, 96, 8, DType::bf16, nchw}, {256, 256, 96, 8, f32, PatchLayout::nhwc},
      {128, 128, 96, 8, f32, nchw},         {128, 128, 224, 8, f32, nchw},
      {640, 512, 224, 4, f32, nchw},        {1280, 1024, 96, 4, f32, nchw},
      {1280, 1024, 224, 4, f32, nchw},
  };
  for (const Case& c : cases) {
    const double guess_us = 4e-3 * static_cast<double>(c.side * c.side * c.views) +
                            2e-3 * static_cast<double>(c.width * c.height);
    const auto images = std::max<index_t>(4, static_cast<index_t>(1e3 * work_ms / guess_us));
    run(c, repetitions, 1, images);
    if (most_threads > 1) run(c, repetitions, most_threads, images);
  }
}
