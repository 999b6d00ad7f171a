// SPDX-License-Identifier: Apache-2.0
// log, exp, log1p, fma and the order of sums, one thread on the device: the bits of the host.
#include "gpu_test.hpp"

#include <aift/core/half.hpp>
#include <aift/core/rng.hpp>
#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>

#include "cuda/core/block_group.cuh"

namespace {

using namespace aift;

/// The functions under test at every x.
template <class T>
AIFT_HD void evaluate(const T* x, int count, T* out) {
  for (int i = 0; i < count; ++i) {
    const T positive = x[i] < T{0} ? -x[i] : x[i];
    T* y = out + 7 * i;
    y[0] = math::log(x[i]);
    y[1] = math::exp(x[i]);
    y[2] = math::log1p(positive < T{1e30F} ? positive : T{1});
    y[3] = math::fma(x[i], x[i], -x[i] * x[i]);
    y[4] = x[i] * x[i] + x[i];  // two roundings
    y[5] = T{1} / x[i];
    y[6] = math::exp_nonpositive(positive == positive ? -positive : T{-1});
  }
}

template <class T>
__global__ void evaluate_kernel(const T* x, int count, T* out) {
  evaluate(x, count, out);
}

template <class T>
__global__ void sum_kernel(const T* x, int classes, T* out) {
  const cuda::detail::BlockGroup group;
  group.rows<cuda::detail::kWide>(1, [&](const auto& team, int) {
    const T sum = team.template class_sum<T>(classes, [&](int k, T acc) { return acc + x[k]; });
    const T dot = team.template class_sum<T>(
        classes, [&](int k, T acc) { return math::fma(x[k], x[k] - T{0.25}, acc); });
    if (team.leads()) {
      out[0] = sum;
      out[1] = dot;
    }
  });
}

__global__ void half_kernel(float* out) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    out[2 * bits] = to_float(half_t{static_cast<std::uint16_t>(bits)});
    out[2 * bits + 1] = to_float(bfloat16_t{static_cast<std::uint16_t>(bits)});
  }
}

template <class T>
void run(test::Checks& checks, const char* name) {
  const KeyedRandom random(7, Purpose::split);
  using Limits = std::numeric_limits<T>;
  std::vector<T> x = {T{0},
                      T{1},
                      Limits::min(),
                      Limits::denorm_min(),
                      Limits::max(),
                      Limits::infinity(),
                      -Limits::infinity(),
                      T{-1},
                      T{0.5},
                      T{2},
                      Limits::epsilon(),
                      T{1} - Limits::epsilon()};
  for (int i = 0; i < 4000; ++i) {
    const double power = random.uniform(2 * i, -300, 3);
    x.push_back(static_cast<T>(random.uniform(2 * i + 1, -1, 1) *
                               std::pow(10.0, sizeof(T) == 4 ? power / 7 : power)));
  }
  std::vector<T> expected(7 * x.size());
  evaluate(x.data(), static_cast<int>(x.size()), expected.data());
  const test::DeviceArray<T> in(x);
  const test::DeviceArray<T> out(expected.size());
  evaluate_kernel<T><<<1, 1>>>(in.data(), static_cast<int>(x.size()), out.data());
  test::must(cudaDeviceSynchronize(), "evaluate");
  const std::vector<T> got = out.fetch();
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool same = std::memcmp(&got[i], &expected[i], sizeof(T)) == 0 ||
                      (got[i] != got[i] && expected[i] != expected[i]);
    checks.expect(same, test::text(name, ": function ", i % 7, " at ", x[i / 7], " gives ", got[i],
                                   ", on the host ", expected[i]));
  }
  for (const int classes : {2, 3, 10, 16, 17, 31, 32, 33, 100, 1000, 4000}) {
    std::vector<T> y;
    for (int k = 0; k < classes; ++k)
      y.push_back(x[static_cast<std::size_t>(12 + k % 4000)] > T{0} ? T{0.3F} / T(k + 1) : T(k));
    std::vector<T> shifted = y;
    for (T& v : shifted)
      v -= T{0.25};
    const test::DeviceArray<T> values(y);
    const test::DeviceArray<T> sums(2);
    sum_kernel<T><<<1, 32>>>(values.data(), classes, sums.data());
    test::must(cudaDeviceSynchronize(), "sum");
    checks.expect(
        test::same_bits(sums.fetch(),
                        std::vector<T>{math::class_sum(y.data(), classes),
                                       math::class_dot(y.data(), shifted.data(), classes)}),
        test::text(name, ": sums over ", classes, " classes"));
  }
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  run<double>(checks, "double");
  run<float>(checks, "single");
  const test::DeviceArray<float> halves(2 * 65536);
  half_kernel<<<1, 1>>>(halves.data());
  test::must(cudaDeviceSynchronize(), "half");
  const std::vector<float> got = halves.fetch();
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float expected[2] = {to_float(half_t{static_cast<std::uint16_t>(bits)}),
                               to_float(bfloat16_t{static_cast<std::uint16_t>(bits)})};
    for (int f = 0; f < 2; ++f) {
      const float x = got[2 * bits + static_cast<std::uint32_t>(f)];
      checks.expect(x == expected[f] || (x != x && expected[f] != expected[f]),
                    test::text("16-bit pattern ", bits, " in format ", f));
    }
  }
  return checks.finish("gpu_math");
}
