// SPDX-License-Identifier: Apache-2.0
// Planes through volumes on the device: the bits of sample_plane on the host.
#include "gpu_test.hpp"

#include <cmath>
#include <stdexcept>

#include <aift/augment/plane_sample.hpp>
#include <aift/core/rng.hpp>
#include <aift/cuda/planes.hpp>

namespace {

using namespace aift;

constexpr std::int32_t kSize[3] = {41, 37, 29};

std::vector<std::int16_t> make_voxels() {
  const KeyedRandom random(1, Purpose::test);
  std::vector<std::int16_t> voxels(static_cast<std::size_t>(kSize[0] * kSize[1] * kSize[2]));
  for (std::size_t i = 0; i < voxels.size(); ++i)
    voxels[i] = static_cast<std::int16_t>(random.uniform(static_cast<index_t>(i), -1024, 3000));
  return voxels;
}

/// Planes at any angle, many of which leave the volume.
std::vector<PlaneJob> make_jobs(const std::int16_t* voxels, index_t count) {
  const KeyedRandom random(2, Purpose::test);
  std::vector<PlaneJob> jobs;
  for (index_t n = 0; n < count; ++n) {
    PlaneJob job;
    job.voxels = voxels;
    job.stride_y = kSize[0];
    job.stride_z = kSize[0] * kSize[1];
    for (int a = 0; a < 3; ++a) {
      const auto draw = [&](index_t k, double low, double high) {
        return static_cast<float>(random.uniform(32 * n + 8 * a + k, low, high));
      };
      job.base[a] = static_cast<std::int32_t>(random.below(32 * n + 8 * a + 7, kSize[a]));
      job.low[a] = static_cast<float>(-job.base[a]);
      job.last[a] = static_cast<float>(kSize[a] - 1 - job.base[a]);
      job.start[a] = draw(0, -25, 25);
      job.across[a] = draw(1, -0.8, 0.8);
      job.down[a] = draw(2, -0.8, 0.8);
    }
    job.hu_low = -250;
    job.hu_high = 450;
    job.scale = 255.0F / 700 / 128;
    job.shift = -127.0F / 128;
    jobs.push_back(job);
  }
  return jobs;
}

void compare(test::Checks& checks, index_t count, std::int32_t height, std::int32_t width,
             cudaStream_t stream) {
  const std::vector<std::int16_t> voxels = make_voxels();
  const test::DeviceArray<std::int16_t> device_voxels(voxels);
  const auto pixels = static_cast<std::size_t>(height * width);
  std::vector<float> expected;
  for (const PlaneJob& job : make_jobs(voxels.data(), count)) {
    for (std::int32_t i = 0; i < height; ++i) {
      for (std::int32_t j = 0; j < width; ++j)
        expected.push_back(sample_plane(job, i, j));
    }
  }
  const test::DeviceArray<PlaneJob> jobs(make_jobs(device_voxels.data(), count));
  const test::DeviceArray<float> out(static_cast<std::size_t>(count) * pixels);
  cuda::render_planes_async(jobs.const_view(), height, width, out.view(), stream);
  test::must(cudaStreamSynchronize(stream), "planes");
  const std::vector<float> got = out.fetch();
  std::size_t differ = 0;
  for (std::size_t k = 0; k < got.size(); ++k)
    differ += std::memcmp(&got[k], &expected[k], sizeof(float)) != 0 ? 1 : 0;
  checks.expect(differ == 0, test::text(differ, " of ", got.size(), " pixels differ, ", count,
                                        " planes of ", height, " x ", width));
}

void refuse(test::Checks& checks) {
  const test::DeviceArray<PlaneJob> jobs(std::size_t{2});
  const test::DeviceArray<float> out(std::size_t{100});
  const auto call = [&](index_t height, index_t width, cuda::DeviceView<float> to) {
    cuda::render_planes_async(jobs.const_view(), height, width, to, nullptr);
  };
  checks.expect_throw<std::runtime_error>([&] { call(0, 5, out.view()); }, "pixels", "no rows");
  checks.expect_throw<std::runtime_error>([&] { call(1 << 20, 1 << 20, out.view()); }, "pixels",
                                          "too large");
  checks.expect_throw<std::runtime_error>([&] { call(8, 8, out.view()); }, "room", "room");
  checks.expect_throw<std::runtime_error>([&] { call(5, 5, {nullptr, 100}); }, "null", "null");
  cuda::render_planes_async({}, 5, 5, {}, nullptr);  // nothing to do, nothing to refuse
}

/// Planes per second of many candidates, against the memory that is written.
void time_planes(cudaStream_t stream) {
  const std::vector<std::int16_t> voxels = make_voxels();
  const test::DeviceArray<std::int16_t> device_voxels(voxels);
  constexpr index_t kCount = 20000;
  const test::DeviceArray<PlaneJob> jobs(make_jobs(device_voxels.data(), kCount));
  const test::DeviceArray<float> out(static_cast<std::size_t>(kCount * 64 * 64));
  cudaEvent_t begin, end;
  test::must(cudaEventCreate(&begin), "event");
  test::must(cudaEventCreate(&end), "event");
  float best = 1e9F;
  for (int r = 0; r < 6; ++r) {
    test::must(cudaEventRecord(begin, stream), "event");
    cuda::render_planes_async(jobs.const_view(), 64, 64, out.view(), stream);
    test::must(cudaEventRecord(end, stream), "event");
    test::must(cudaEventSynchronize(end), "event");
    float ms = 0;
    test::must(cudaEventElapsedTime(&ms, begin, end), "event");
    if (r > 0) best = ms < best ? ms : best;
  }
  std::printf("planes of 64 x 64 from one small volume: %.2f million per second, %.0f GB/s written\n",
              kCount / best / 1000, kCount * 64.0 * 64 * 4 / best / 1e6);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
}

}  // namespace

int main() {
  if (const int code = aift::test::no_device(); code != 0) return code;
  aift::test::Checks checks;
  cudaStream_t stream = nullptr;
  aift::test::must(cudaStreamCreate(&stream), "stream");
  compare(checks, 1, 1, 1, stream);
  compare(checks, 7, 13, 29, stream);
  compare(checks, 200, 64, 64, stream);
  compare(checks, 70000, 3, 5, stream);  // more than a grid's second extent
  refuse(checks);
  time_planes(stream);
  aift::test::must(cudaStreamDestroy(stream), "stream");
  return checks.finish("gpu_planes");
}
