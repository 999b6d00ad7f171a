// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

// [begin augmenter]
/// The eight symmetries of a square: four quarter turns, each also mirrored. View 0 is the image
/// itself; nothing is interpolated where a square image has the size of the network's input.
class QuarterTurns final : public aift::Augmenter {
 public:
  explicit QuarterTurns(std::uint64_t seed) : seed_(seed) {}

  std::string_view name() const noexcept override { return "quarter_turns"; }

  aift::index_t patches(aift::Purpose purpose) const override {
    const bool one = purpose == aift::Purpose::test || purpose == aift::Purpose::training;
    return one ? 1 : 8;
  }

  aift::PatchPlan plan(const aift::CandidateRef& candidate, aift::Purpose purpose,
                       aift::index_t round, aift::index_t index) const override {
    aift::PatchPlan plan;
    plan.candidate = candidate;
    plan.purpose = purpose;
    plan.round = round;
    plan.index = index;
    aift::index_t symmetry = index % 8;
    if (purpose == aift::Purpose::training) {  // a fresh draw for every (round, index)
      symmetry = aift::KeyedRandom(seed_, purpose, round, candidate.id).below(index, 8);
    }
    constexpr std::array<double, 4> kCos = {1, 0, -1, 0};
    constexpr std::array<double, 4> kSin = {0, 1, 0, -1};
    const auto turn = static_cast<std::size_t>(symmetry % 4);
    const double mirror = symmetry < 4 ? 1 : -1;
    plan.matrix = {mirror * kCos[turn], -mirror * kSin[turn], 0, kSin[turn], kCos[turn], 0};
    return plan;
  }

  void render(std::span<const aift::PatchPlan> plans, const aift::Source& source,
              const aift::PatchBuffer& out) const override {
    const auto* images = dynamic_cast<const aift::ImageSource*>(&source);
    AIFT_EXPECT(images != nullptr, ShapeError, "QuarterTurns needs an ImageSource.");
    for (std::size_t first = 0; first < plans.size();) {  // each image is decoded once
      const std::uint64_t id = plans[first].candidate.id;
      const auto other =
          std::find_if(plans.begin() + static_cast<std::ptrdiff_t>(first), plans.end(),
                       [&](const auto& plan) { return plan.candidate.id != id; });
      const auto count = static_cast<std::size_t>(other - plans.begin()) - first;
      const aift::Image image = images->read(plans[first].candidate);
      const auto done = static_cast<aift::index_t>(first);
      aift::render_patches(
          image.view(), plans.subspan(first, count),
          {out.data + done * out.format.elements(), out.capacity - done, out.format});
      first += count;
    }
  }

 private:
  std::uint64_t seed_;
};
// [end augmenter]
