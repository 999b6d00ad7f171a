// SPDX-License-Identifier: Apache-2.0
// Planes through a volume, beside ITK's resample filter (linear) doing the same planes on the same
// voxels, taking turns.
//
//   bench_planes [repetitions = 9] [threads = 2] [candidates = 100]
//
// A volume of 320 x 320 x 160 voxels, per candidate 8 patches of 2 planes. One JSON line per size of a
// plane: planes per second as [least, median, most] of the repetitions, and ratio = ours / itk, median
// over median. ITK runs with the same number of threads in the quicker of two ways: its own threads
// within a plane, or a plane per thread. `worst_hu` is the largest difference of a pixel.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <itkImage.h>
#include <itkImportImageFilter.h>
#include <itkLinearInterpolateImageFunction.h>
#include <itkMultiThreaderBase.h>
#include <itkResampleImageFilter.h>

#include <aift/core/executor.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/planes.hpp>
#include <aift/ct/vessel_augmenter.hpp>

namespace {

using namespace aift;
using Clock = std::chrono::steady_clock;
using Voxels = itk::Image<std::int16_t, 3>;
using Out = itk::Image<float, 3>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Out::Pointer itk_plane(Voxels* image, const ct::Plane& plane, index_t side, int threads) {
  using Filter = itk::ResampleImageFilter<Voxels, Out>;
  const auto filter = Filter::New();
  filter->SetInput(image);
  filter->SetInterpolator(itk::LinearInterpolateImageFunction<Voxels>::New());
  const double step = plane.side_mm / static_cast<double>(side);
  const ct::Point normal = ct::cross(plane.across, plane.down);
  Out::DirectionType direction;
  Out::PointType origin;
  for (unsigned int r = 0; r < 3; ++r) {
    direction[r][0] = plane.across[r];
    direction[r][1] = plane.down[r];
    direction[r][2] = normal[r];
    origin[r] = plane.centre[r] -
                0.5 * static_cast<double>(side - 1) * step * (plane.across[r] + plane.down[r]);
  }
  Out::SpacingType spacing;
  spacing.Fill(step);
  Out::SizeType size = {
      {static_cast<itk::SizeValueType>(side), static_cast<itk::SizeValueType>(side), 1}};
  filter->SetOutputDirection(direction);
  filter->SetOutputOrigin(origin);
  filter->SetOutputSpacing(spacing);
  filter->SetSize(size);
  filter->SetDefaultPixelValue(-1024);
  filter->SetNumberOfWorkUnits(static_cast<itk::ThreadIdType>(threads));
  filter->Update();
  return filter->GetOutput();
}

struct Timing {
  std::vector<double> rates;
  [[nodiscard]] double median() {
    std::sort(rates.begin(), rates.end());
    return rates[rates.size() / 2];
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 9;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const index_t candidates = argc > 3 ? std::atoi(argv[3]) : 100;
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(static_cast<itk::ThreadIdType>(threads));
  itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(static_cast<itk::ThreadIdType>(threads));

  ct::Volume volume;
  volume.geometry.size = {320, 320, 160};
  volume.geometry.spacing = {0.8, 0.8, 1.25};
  volume.voxels.resize(static_cast<std::size_t>(volume.geometry.voxels()));
  for (std::size_t i = 0; i < volume.voxels.size(); ++i)
    volume.voxels[i] = static_cast<std::int16_t>(((i * 2654435761u) >> 13) % 1400) - 1000;
  const KeyedRandom random(1, Purpose::test);
  std::vector<std::vector<ct::Plane>> planes;
  for (index_t c = 0; c < candidates; ++c) {
    const auto draw = [&](index_t k, double low, double high) {
      return random.uniform(16 * c + k, low, high);
    };
    const ct::Point centre =
        volume.geometry.to_world({draw(0, 40, 280), draw(1, 40, 280), draw(2, 25, 135)});
    const ct::VesselFrame frame = ct::frame_along({draw(3, -1, 1), draw(4, -1, 1), 0.2});
    auto& mine = planes.emplace_back();
    for (index_t p = 0; p < 8; ++p) {
      VolumeCut cut;
      cut.side_mm = 15;
      cut.turn_deg = 45.0 * static_cast<double>(p);
      for (const ct::Plane& plane : ct::planes_of(cut, centre, frame, 2))
        mine.push_back(plane);
    }
  }
  const auto import = itk::ImportImageFilter<std::int16_t, 3>::New();
  Voxels::SizeType size = {{320, 320, 160}};
  import->SetRegion(Voxels::RegionType(size));
  const double spacing[3] = {0.8, 0.8, 1.25};
  import->SetSpacing(spacing);
  import->SetImportPointer(volume.voxels.data(), volume.voxels.size(), false);
  import->Update();
  const Voxels::Pointer image = import->GetOutput();

  ThreadExecutor executor(threads);
  for (const index_t side : {index_t{32}, index_t{64}, index_t{96}}) {
    const auto pixels = static_cast<std::size_t>(side * side);
    std::vector<std::vector<float>> ours(static_cast<std::size_t>(candidates),
                                         std::vector<float>(16 * pixels));
    const ct::PlaneFormat format = {side, side, {0, 8000}, 0, 255};
    const auto count = static_cast<double>(16 * candidates);
    const auto run_ours = [&] {
      const auto began = Clock::now();
      executor.run(candidates, [&](index_t c, int) {
        const auto i = static_cast<std::size_t>(c);
        ct::render_planes(ct::whole(volume), planes[i], format, ours[i]);
      });
      return count / seconds_since(began);
    };
    double worst = 0;
    const auto compare = [&](Out* out, std::size_t c, std::size_t p) {
      const float* theirs = out->GetBufferPointer();
      for (std::size_t i = 0; i < pixels; ++i) {
        const double hu = static_cast<double>(ours[c][p * pixels + i]) * 8000 - 4000;
        worst = std::max(worst, std::abs(hu - static_cast<double>(theirs[i])));
      }
    };
    const auto run_itk_within = [&](bool check) {
      const auto began = Clock::now();
      for (std::size_t c = 0; c < planes.size(); ++c) {
        for (std::size_t p = 0; p < 16; ++p) {
          const auto out = itk_plane(image, planes[c][p], side, threads);
          if (check) compare(out, c, p);
        }
      }
      return count / seconds_since(began);
    };
    const auto run_itk_beside = [&] {
      const auto began = Clock::now();
      executor.run(candidates, [&](index_t c, int) {
        for (const ct::Plane& plane : planes[static_cast<std::size_t>(c)])
          (void)itk_plane(image, plane, side, 1);
      });
      return count / seconds_since(began);
    };
    run_ours();
    run_itk_within(true);
    Timing mine, within, beside;
    for (int r = 0; r < repetitions; ++r) {
      mine.rates.push_back(run_ours());
      within.rates.push_back(run_itk_within(false));
      beside.rates.push_back(run_itk_beside());
    }
    const double own = mine.median();
    const bool use_within = within.median() > beside.median();
    Timing& itk = use_within ? within : beside;
    std::printf(
        "{\"side\": %lld, \"threads\": %d, \"aift\": [%.0f, %.0f, %.0f], \"itk\": [%.0f, %.0f, "
        "%.0f], \"itk_threads\": \"%s\", \"ratio\": %.2f, \"worst_hu\": %.4f}\n",
        static_cast<long long>(side), threads, mine.rates.front(), own, mine.rates.back(),
        itk.rates.front(), itk.median(), itk.rates.back(), use_within ? "within" : "beside",
        own / itk.median(), worst);
    std::fflush(stdout);
  }
  return 0;
}
