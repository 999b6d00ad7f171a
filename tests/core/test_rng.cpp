// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <set>

#include <aift/core/rng.hpp>

using namespace aift;

TEST_CASE("Philox gives the known answers of its authors") {
  // Random123, kat_vectors: philox4x32 10
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("keyed numbers depend on every part of the key and on nothing else") {
  const KeyedRandom a(1, Purpose::selection, 2, 3);
  CHECK(a.bits(5) == KeyedRandom(1, Purpose::selection, 2, 3).bits(5));
  const std::set<std::uint64_t> different = {
      a.bits(5),
      a.bits(6),
      KeyedRandom(2, Purpose::selection, 2, 3).bits(5),
      KeyedRandom(1, Purpose::training, 2, 3).bits(5),
      KeyedRandom(1, Purpose::selection, 3, 3).bits(5),
      KeyedRandom(1, Purpose::selection, 2, 4).bits(5),
      KeyedRandom(1, Purpose::selection, 2, 3ULL << 32).bits(5)};
  CHECK(different.size() == 7);
}

TEST_CASE("uniform numbers fill their range evenly, normal ones have mean 0 and variance 1") {
  const KeyedRandom random(20240611, Purpose::order);
  constexpr index_t kCount = 100000;
  double sum = 0;
  double sum_normal = 0;
  double sum_square = 0;
  std::array<int, 7> bins{};
  double low = 1;
  double high = 0;
  for (index_t i = 0; i < kCount; ++i) {
    const double u = random.uniform(i);
    low = std::min(low, u);
    high = std::max(high, u);
    sum += u;
    const double z = random.normal(i);
    sum_normal += z;
    sum_square += z * z;
    const index_t b = random.below(i, 7);
    REQUIRE((b >= 0 && b < 7));
    ++bins[static_cast<std::size_t>(b)];
  }
  CHECK(low >= 0);
  CHECK(high < 1);
  // Five standard deviations each.
  CHECK(std::abs(sum / kCount - 0.5) < 5 * 0.2887 / std::sqrt(double{kCount}));
  CHECK(std::abs(sum_normal / kCount) < 5 / std::sqrt(double{kCount}));
  CHECK(std::abs(sum_square / kCount - 1) < 5 * std::sqrt(2.0 / kCount));
  for (const int count : bins)
    CHECK(std::abs(count - kCount / 7.0) < 5 * std::sqrt(kCount / 7.0));
  CHECK(random.uniform(3, -2, 2) == -2 + 4 * random.uniform(3));
}

TEST_CASE("numbers do not change between releases") {
  // Written down once; a change here changes every past run.
  const KeyedRandom random(42, Purpose::selection, 1, 1234567890123456789ULL);
  CHECK(random.bits(0) == 0x2086D3D92F87C670ULL);
  CHECK(random.bits(index_t{1} << 40) == 0x4EA7DBBCC0B8A0C5ULL);
}

TEST_CASE("the upper half of a product of 64-bit numbers") {
  using detail::multiply_high;
  CHECK(multiply_high(0, ~0ULL) == 0);
  CHECK(multiply_high(~0ULL, ~0ULL) == ~0ULL - 1);
  CHECK(multiply_high(1ULL << 63, 2) == 1);
  CHECK(multiply_high(0x123456789ABCDEF0ULL, 0xFEDCBA9876543210ULL) == 0x121FA00AD77D7422ULL);
}
