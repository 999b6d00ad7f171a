// SPDX-License-Identifier: Apache-2.0
#include "src/phantom/colon_camera.hpp"

#include <cstddef>

namespace aift::phantom {

namespace {

constexpr float kHalfField = 1.15F;  // tangent of half the angle of view

/// Place in the field, in [-1, 1]; the field is a square with cut corners.
struct Place {
  float u = 0, v = 0;
  [[nodiscard]] bool visible() const { return std::abs(u) + std::abs(v) < 1.55F; }
};

Place place(index_t x, index_t y, index_t size) {
  const auto at = [size](index_t i) {
    return (2 * static_cast<float>(i) + 1) / static_cast<float>(size) - 1;
  };
  return {at(x), at(y)};
}

Vec ray(const Camera& camera, Place p) {
  // Barrel distortion: an endoscope squeezes the rim.
  const float stretch = kHalfField * (1 + 0.25F * (p.u * p.u + p.v * p.v));
  return unit(camera.forward + (stretch * p.u) * camera.right + (stretch * p.v) * camera.down);
}

/// A picture of floats.
struct Film {
  index_t size = 0;
  std::vector<Vec> pixels;
  explicit Film(index_t n) : size(n), pixels(static_cast<std::size_t>(n * n)) {}
  [[nodiscard]] Vec& at(index_t x, index_t y) {
    return pixels[static_cast<std::size_t>(y * size + x)];
  }
  [[nodiscard]] Vec inside(index_t x, index_t y) const {
    x = std::clamp<index_t>(x, 0, size - 1);
    y = std::clamp<index_t>(y, 0, size - 1);
    return pixels[static_cast<std::size_t>(y * size + x)];
  }
};

/// Gaussian of the given standard deviation, rows then columns.
void blur(Film& film, float sigma) {
  if (sigma < 0.2F) return;
  const auto reach = static_cast<index_t>(std::ceil(2.5F * sigma));
  std::vector<float> weights;
  float sum = 0;
  for (index_t k = -reach; k <= reach; ++k) {
    const float x = static_cast<float>(k) / sigma;
    weights.push_back(std::exp(-x * x / 2));
    sum += weights.back();
  }
  for (const bool rows : {true, false}) {
    const Film from = film;
    for (index_t y = 0; y < film.size; ++y) {
      for (index_t x = 0; x < film.size; ++x) {
        Vec mean{0, 0, 0};
        for (index_t k = -reach; k <= reach; ++k) {
          const float w = weights[static_cast<std::size_t>(k + reach)] / sum;
          mean = mean + w * (rows ? from.inside(x + k, y) : from.inside(x, y + k));
        }
        film.at(x, y) = mean;
      }
    }
  }
}

void smear(Film& film, Vec motion) {
  const float reach = std::sqrt(motion.x * motion.x + motion.y * motion.y);
  if (reach < 0.5F) return;
  const Film from = film;
  const auto steps = static_cast<int>(std::ceil(reach)) + 1;
  for (index_t y = 0; y < film.size; ++y) {
    for (index_t x = 0; x < film.size; ++x) {
      Vec mean{0, 0, 0};
      for (int k = 0; k < steps; ++k) {
        const float t = static_cast<float>(k) / static_cast<float>(steps - 1) - 0.5F;
        mean = mean + from.inside(x + std::lround(t * motion.x), y + std::lround(t * motion.y));
      }
      film.at(x, y) = (1 / static_cast<float>(steps)) * mean;
    }
  }
}

/// Fluid with its own colour and floating crumbs, and bubbles: rims that shine.
void veil(Film& film, const Veil& veil) {
  if (veil.residue <= 0 && veil.bubbles == 0) return;
  const auto n = static_cast<float>(film.size);
  const float level = 1.1F - 2.2F * veil.residue;  // noise above it is fluid
  for (index_t y = 0; y < film.size; ++y) {
    for (index_t x = 0; x < film.size; ++x) {
      const Vec p{3 * static_cast<float>(x) / n, 3 * static_cast<float>(y) / n, 0};
      const float thick = smoothstep(level - 0.2F, level + 0.3F, 1.6F * rough(p, veil.seed));
      if (veil.residue > 0 && thick > 0) {
        Vec& pixel = film.at(x, y);
        const float bright = 0.45F + 1.2F * (pixel.x + pixel.y + pixel.z) / 3;
        const float crumbs = 1 + 0.3F * rough(4.0F * p, veil.seed + 3);
        pixel = mix(pixel, bright * crumbs * Vec{0.44F, 0.31F, 0.10F}, 0.85F * thick);
      }
    }
  }
  for (int k = 0; k < veil.bubbles; ++k) {
    const std::uint32_t h = hash(k, 7, 1, veil.seed);
    const auto part = [h](int shift) { return static_cast<float>((h >> shift) & 0xFFU) / 255.0F; };
    const float cx = part(0) * n, cy = part(8) * n, r = n * (0.015F + 0.05F * part(16) * part(16));
    const auto low = [r](float c) { return static_cast<index_t>(c - r - 1); };
    const auto high = [r](float c) { return static_cast<index_t>(c + r + 2); };
    for (index_t y = std::max<index_t>(0, low(cy)); y < std::min(film.size, high(cy)); ++y) {
      for (index_t x = std::max<index_t>(0, low(cx)); x < std::min(film.size, high(cx)); ++x) {
        const float dx = static_cast<float>(x) - cx, dy = static_cast<float>(y) - cy;
        const float d = std::sqrt(dx * dx + dy * dy) / r;
        const float rim = std::exp(-(d - 0.9F) * (d - 0.9F) * 60);
        const float spot =
            std::exp(-((dx + 0.35F * r) * (dx + 0.35F * r) + (dy + 0.35F * r) * (dy + 0.35F * r)) /
                     (0.03F * r * r));
        Vec& pixel = film.at(x, y);
        pixel = pixel + (0.25F * rim + 0.7F * spot) * Vec{1, 1, 0.95F};
      }
    }
  }
}

}  // namespace

float polyp_share(const ColonScene& scene, const Camera& camera, index_t size) {
  if (!scene.polyp().there) return 0;
  index_t seen = 0, all = 0;
  for (index_t y = 0; y < size; ++y) {
    for (index_t x = 0; x < size; ++x) {
      const Place p = place(x, y, size);
      if (!p.visible()) continue;
      ++all;
      seen += scene.march(camera.position, ray(camera, p)).polyp;
    }
  }
  return static_cast<float>(seen) / static_cast<float>(all);
}

Image take(const ColonScene& scene, const Camera& camera, const Exposure& exposure) {
  const index_t size = exposure.size;
  Film film(size);
  std::vector<float> brightness;
  for (index_t y = 0; y < size; ++y) {
    for (index_t x = 0; x < size; ++x) {
      const Place p = place(x, y, size);
      if (!p.visible()) continue;
      const Vec direction = ray(camera, p);
      Vec& pixel = film.at(x, y);
      pixel = scene.shade(scene.march(camera.position, direction), camera, direction);
      brightness.push_back(pixel.y);
    }
  }
  // The camera's automatic gain, by the brighter part of the field.
  const auto part = brightness.begin() + static_cast<std::ptrdiff_t>(brightness.size() * 4 / 5);
  std::nth_element(brightness.begin(), part, brightness.end());
  const float gain = exposure.gain * std::clamp(0.17F / std::max(*part, 1e-4F), 0.1F, 4.0F);
  for (Vec& pixel : film.pixels)
    pixel = gain * pixel;

  veil(film, exposure.veil);
  const auto scale = static_cast<float>(size) / 192;
  blur(film, std::sqrt(0.36F * scale * scale + exposure.blur * exposure.blur));
  smear(film, exposure.smear);

  Image image{size, size, ChannelOrder::rgb,
              std::vector<std::uint8_t>(static_cast<std::size_t>(3 * size * size))};
  for (index_t y = 0; y < size; ++y) {
    for (index_t x = 0; x < size; ++x) {
      const Place p = place(x, y, size);
      const float rim =
          1 - scene.colon().dark_corners * smoothstep(0.5F, 1.4F, p.u * p.u + p.v * p.v);
      const float edge = 1 - smoothstep(1.5F, 1.55F, std::abs(p.u) + std::abs(p.v));
      const Vec pixel = (rim * edge) * film.at(x, y);
      const float channels[3] = {pixel.x, pixel.y, pixel.z};
      for (int c = 0; c < 3; ++c) {
        // Highlights roll off; then the display's gamma, then the sensor's noise.
        const float rolled = 1 - std::exp(-1.6F * std::max(channels[c], 0.0F));
        const float grain =
            static_cast<float>(hash(static_cast<std::int32_t>(x), static_cast<std::int32_t>(y), c,
                                    exposure.seed)) *
                0x1p-31F -
            1;
        const float value = std::pow(rolled, 0.4545F) + 1.7F * exposure.noise * grain * edge;
        image.pixels[static_cast<std::size_t>(3 * (y * size + x) + c)] =
            static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0F, 1.0F)));
      }
    }
  }
  return image;
}

}  // namespace aift::phantom
