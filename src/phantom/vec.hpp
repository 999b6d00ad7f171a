// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace aift::phantom {

/// A point, direction or colour.
struct Vec {
  float x = 0, y = 0, z = 0;
  friend Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend Vec operator*(Vec a, Vec b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
  friend Vec operator*(float s, Vec a) { return {s * a.x, s * a.y, s * a.z}; }
};

inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec cross(Vec a, Vec b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline float length(Vec a) { return std::sqrt(dot(a, a)); }
inline Vec unit(Vec a) { return (1 / std::max(length(a), 1e-9F)) * a; }
inline float mix(float a, float b, float t) { return a + t * (b - a); }
inline Vec mix(Vec a, Vec b, float t) { return a + t * (b - a); }
inline float smoothstep(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0F, 1.0F);
  return t * t * (3 - 2 * t);
}

/// 32 mixed bits of a lattice point (integer hash in the manner of Murmur's finaliser).
inline std::uint32_t hash(std::int32_t x, std::int32_t y, std::int32_t z, std::uint32_t seed) {
  std::uint32_t h = seed ^ (static_cast<std::uint32_t>(x) * 0x8DA6B343U) ^
                    (static_cast<std::uint32_t>(y) * 0xD8163841U) ^
                    (static_cast<std::uint32_t>(z) * 0xCB1AB31FU);
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  h *= 0xC2B2AE35U;
  return h ^ (h >> 16);
}

/// Value noise in about [-1, 1]: random values at lattice points, smooth in between.
inline float noise(Vec p, std::uint32_t seed) {
  const float fx = std::floor(p.x), fy = std::floor(p.y), fz = std::floor(p.z);
  const auto x = static_cast<std::int32_t>(fx), y = static_cast<std::int32_t>(fy),
             z = static_cast<std::int32_t>(fz);
  const auto fade = [](float t) { return t * t * t * (t * (6 * t - 15) + 10); };
  const float u = fade(p.x - fx), v = fade(p.y - fy), w = fade(p.z - fz);
  const auto value = [&](int i, int j, int k) {
    return static_cast<float>(hash(x + i, y + j, z + k, seed)) * 0x1p-31F - 1;
  };
  const float a =
      mix(mix(value(0, 0, 0), value(1, 0, 0), u), mix(value(0, 1, 0), value(1, 1, 0), u), v);
  const float b =
      mix(mix(value(0, 0, 1), value(1, 0, 1), u), mix(value(0, 1, 1), value(1, 1, 1), u), v);
  return mix(a, b, w);
}

/// Three octaves of noise, in about [-1, 1].
inline float rough(Vec p, std::uint32_t seed) {
  return 0.57F * noise(p, seed) + 0.29F * noise(2.03F * p, seed + 1) +
         0.14F * noise(4.01F * p, seed + 2);
}

}  // namespace aift::phantom
