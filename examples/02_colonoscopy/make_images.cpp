// SPDX-License-Identifier: Apache-2.0
// make_images FOLDER: a tiny synthetic data set for the test of the example: reddish grounds under
// uneven light, half of them with a faint bump. Forty pictures of twenty "videos". Nobody should
// learn medicine from it.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include <aift/core/rng.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/image_source.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  constexpr aift::index_t kSide = 40;
  std::string manifest = "path,label,group\n";
  for (int i = 0; i < 40; ++i) {
    const bool bump = i / 2 % 2 == 0;
    const aift::KeyedRandom random(1, aift::Purpose::weights, 0, static_cast<std::uint64_t>(i));
    const double x0 = random.uniform(0, 12, 28);
    const double y0 = random.uniform(1, 12, 28);
    const double shade_x = random.uniform(2, -1, 1);
    const double shade_y = random.uniform(3, -1, 1);
    aift::Image image{kSide, kSide, aift::ChannelOrder::rgb, {}};
    for (aift::index_t y = 0; y < kSide; ++y) {
      for (aift::index_t x = 0; x < kSide; ++x) {
        const double r = std::hypot(static_cast<double>(x) - x0, static_cast<double>(y) - y0);
        const double slope = shade_x * static_cast<double>(x) + shade_y * static_cast<double>(y);
        const double light = (bump ? 16 * std::exp(-r * r / 50) : 0) + slope +
                             random.uniform(10 + y * kSide + x, -20, 20);
        for (const double ground : {170.0, 95.0, 80.0})
          image.pixels.push_back(static_cast<std::uint8_t>(std::clamp(ground + light, 0.0, 255.0)));
      }
    }
    const std::string name = fmt::format("{:02}.png", i);
    aift::io::write_png(folder / name, image.view());
    manifest += fmt::format("{},{},video{:02}\n", name, bump ? "polyp" : "mucosa", i / 2);
  }
  aift::io::write_file_atomically(folder / "manifest.csv", manifest);
  return 0;
}
