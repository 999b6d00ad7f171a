// SPDX-License-Identifier: Apache-2.0
// A second lane type: what a vector version will do. Every operation works on an array of lanes, so
// that a body that uses anything outside the lane's operations does not compile.
#include "tests/support/catch.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>

using namespace aift;

namespace {

constexpr std::size_t kLanes = 4;

template <class T>
struct Vector {
  std::array<T, kLanes> lane{};
};
template <class T, class F>
Vector<T> each(const Vector<T>& a, const Vector<T>& b, const F& f) {
  Vector<T> out;
  for (std::size_t i = 0; i < kLanes; ++i)
    out.lane[i] = f(a.lane[i], b.lane[i]);
  return out;
}
template <class T>
Vector<T> operator+(const Vector<T>& a, const Vector<T>& b) {
  return each(a, b, [](T x, T y) { return static_cast<T>(x + y); });
}
template <class T>
Vector<T> operator-(const Vector<T>& a, const Vector<T>& b) {
  return each(a, b, [](T x, T y) { return static_cast<T>(x - y); });
}
template <class T>
Vector<T> operator*(const Vector<T>& a, const Vector<T>& b) {
  return each(a, b, [](T x, T y) { return static_cast<T>(x * y); });
}
template <class T>
Vector<T> operator&(const Vector<T>& a, const Vector<T>& b) {
  return each(a, b, [](T x, T y) { return static_cast<T>(x & y); });
}
template <class T>
Vector<T> operator|(const Vector<T>& a, const Vector<T>& b) {
  return each(a, b, [](T x, T y) { return static_cast<T>(x | y); });
}

template <class T, class U>
struct ArrayLane {
  using Scalar = T;
  using Real = Vector<T>;
  using Bits = Vector<U>;
  using Mask = std::array<bool, kLanes>;
  static Real real(T x) {
    Real r;
    r.lane.fill(x);
    return r;
  }
  static Bits bits(U x) {
    Bits b;
    b.lane.fill(x);
    return b;
  }
  static Real fma(const Real& a, const Real& b, const Real& c) {
    Real r;
    for (std::size_t i = 0; i < kLanes; ++i)
      r.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
    return r;
  }
  static Mask less(const Real& a, const Real& b) {
    Mask m{};
    for (std::size_t i = 0; i < kLanes; ++i)
      m[i] = a.lane[i] < b.lane[i];
    return m;
  }
  static Real select(const Mask& m, const Real& a, const Real& b) {
    Real r;
    for (std::size_t i = 0; i < kLanes; ++i)
      r.lane[i] = m[i] ? a.lane[i] : b.lane[i];
    return r;
  }
  static Bits to_bits(const Real& x) {
    Bits b;
    std::memcpy(b.lane.data(), x.lane.data(), sizeof b.lane);
    return b;
  }
  static Real from_bits(const Bits& b) {
    Real x;
    std::memcpy(x.lane.data(), b.lane.data(), sizeof x.lane);
    return x;
  }
  template <int kCount>
  static Bits shift_left(const Bits& b) {
    return each(b, b, [](U x, U) { return static_cast<U>(x << kCount); });
  }
  template <int kCount>
  static Bits shift_right(const Bits& b) {
    return each(b, b, [](U x, U) { return static_cast<U>(x >> kCount); });
  }
};

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

/// Lanes of different magnitudes side by side, special numbers among them.
template <class T, class U>
void check_lanes() {
  using L = ArrayLane<T, U>;
  const KeyedRandom random(5, Purpose::order);
  const auto special = {T{0},
                        T{-1},
                        std::numeric_limits<T>::infinity(),
                        std::numeric_limits<T>::quiet_NaN(),
                        std::numeric_limits<T>::denorm_min(),
                        std::numeric_limits<T>::max()};
  std::vector<T> values(special);
  for (index_t i = 0; i < 20000; ++i) {
    U bits = static_cast<U>(random.bits(i));
    T x = 0;
    std::memcpy(&x, &bits, sizeof x);
    values.push_back(x);
    values.push_back(static_cast<T>(random.uniform(i, -20, 20)));
  }
  while (values.size() % kLanes != 0)
    values.push_back(T{1});
  for (std::size_t i = 0; i < values.size(); i += kLanes) {
    typename L::Real x;
    for (std::size_t l = 0; l < kLanes; ++l)
      x.lane[l] = values[i + l];
    const auto logs = math::log_lane<L>(x);
    const auto exps = math::exp_lane<L>(x);
    typename L::Real positive = x;
    for (T& r : positive.lane)
      r = std::isfinite(r) ? std::abs(r) : T{1};
    const auto log1ps = math::log1p_lane<L>(positive);
    typename L::Real negative = x;
    for (T& r : negative.lane)
      r = std::isnan(r) ? T{-1} : -std::abs(r);
    const auto short_exps = math::exp_nonpositive_lane<L>(negative);
    for (std::size_t l = 0; l < kLanes; ++l) {
      REQUIRE(same_bits(logs.lane[l], math::log(x.lane[l])));
      REQUIRE(same_bits(exps.lane[l], math::exp(x.lane[l])));
      REQUIRE(same_bits(log1ps.lane[l], math::log1p(positive.lane[l])));
      REQUIRE(same_bits(short_exps.lane[l], math::exp_nonpositive(negative.lane[l])));
    }
  }
}

}  // namespace

TEST_CASE("another lane type gives the same bits, double") { check_lanes<double, std::uint64_t>(); }

TEST_CASE("another lane type gives the same bits, float") { check_lanes<float, std::uint32_t>(); }

TEST_CASE("fma rounds once") {
  // The product is 1 - 2^-104: rounded first, the sum would be 0.
  const volatile double a = 1 + 0x1p-52;
  const volatile double b = 1 - 0x1p-52;
  CHECK(math::fma(double{a}, double{b}, -1.0) == -0x1p-104);
  const volatile float c = 1 + 0x1p-23F;
  const volatile float d = 1 - 0x1p-23F;
  CHECK(math::fma(float{c}, float{d}, -1.0F) == -0x1p-46F);
}

TEST_CASE("a product and a sum are rounded apart: contraction is off") {
  const volatile double a = 1 + 0x1p-52;
  const volatile double b = 1 - 0x1p-52;
  const double x = a;
  const double y = b;
  CHECK(x * y - 1.0 == 0);
}
