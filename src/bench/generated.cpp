// SPDX-License-Identifier: Apache-2.0
#include "src/bench/generated.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

namespace aift::bench {
namespace {

constexpr index_t kViews = 4;
constexpr index_t kWorld = 1;  // sub-keys of Purpose::bench_task
constexpr index_t kSample = 2;

/// Numbers of one candidate, one after another.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t id, index_t round)
      : random_(seed, Purpose::bench_task, round, id) {}
  double uniform() { return random_.uniform(next_++); }
  double normal() {
    const index_t pair = (next_ + 1) / 2;  // uniforms 2 pair and 2 pair + 1
    next_ = 2 * pair + 2;
    return random_.normal(pair);
  }
  index_t below(index_t n) { return random_.below(next_++, n); }

 private:
  KeyedRandom random_;
  index_t next_ = 0;
};

/// What a candidate is before it has views.
struct Sample {
  std::vector<double> x;
  label_t label = 0;
  std::uint8_t flags = 0;
};

struct World {
  index_t classes;
  index_t features;
  double view_noise;  ///< standard deviation of what a view adds
  std::function<Sample(Draw&)> sample;
};

/// Coordinates of a world, drawn once.
std::shared_ptr<const std::vector<double>> centres_of(std::uint64_t seed, std::size_t count,
                                                      double spread) {
  Draw draw(seed, 0, kWorld);
  auto centres = std::make_shared<std::vector<double>>();
  for (std::size_t i = 0; i < count; ++i)
    centres->push_back(spread * draw.normal());
  return centres;
}

/// Four classes around corners; a quarter of everybody lies between them and has a coin's label.
World noise_cluster(std::uint64_t /*seed*/) {
  return {4, 16, 0.4, [](Draw& draw) {
            Sample out{std::vector<double>(16), 0, 0};
            const bool noise = draw.uniform() < 0.25;
            out.label = static_cast<label_t>(draw.below(4));
            for (std::size_t f = 0; f < 16; ++f)
              out.x[f] = (noise ? 0.5 : 1.0) * draw.normal() + (noise && f < 4 ? 0.75 : 0.0);
            if (noise) {
              out.flags = kAmbiguous;
            } else {
              out.x[static_cast<std::size_t>(out.label)] += 3;
            }
            return out;
          }};
}

/// One direction decides, thirty others spread widely and mean nothing.
World thin_boundary(std::uint64_t /*seed*/) {
  return {2, 31, 0.15, [](Draw& draw) {
            Sample out{std::vector<double>(31), 0, 0};
            const double side = draw.uniform() < 0.5 ? -1 : 1;
            const double far = draw.uniform();
            out.x[0] = side * (far < 0.3 ? 0.05 + draw.uniform() : 1 + 2 * draw.uniform());
            for (std::size_t f = 1; f < 31; ++f) {
              const double wide = draw.uniform() < 0.1 ? 4 : 1;  // heavy tails
              out.x[f] = wide * draw.normal();
            }
            out.label = side > 0 ? 1 : 0;
            return out;
          }};
}

/// Two classes whose boundary runs through a crowd of two thirds. The others are in 300 small
/// clusters far from each other and from the boundary: to cover them takes most labels and teaches
/// little.
World crowded_boundary(std::uint64_t seed) {
  constexpr std::size_t kSize = 24;
  constexpr index_t kClusters = 300;
  const auto centres = centres_of(seed, kClusters * kSize, 3);
  return {2, static_cast<index_t>(kSize), 0.1, [centres](Draw& one) {
            Sample out{std::vector<double>(kSize), 0, 0};
            const bool crowd = one.uniform() < 2.0 / 3;
            const auto cluster = static_cast<std::size_t>(one.below(kClusters));
            for (std::size_t f = 0; f < kSize; ++f) {
              out.x[f] =
                  crowd ? one.normal() : (*centres)[cluster * kSize + f] + 0.3 * one.normal();
            }
            if (!crowd) {  // on either side, by number
              out.x[0] = (cluster % 2 == 0 ? -1 : 1) * (6 + one.uniform());
              out.x[1] = out.x[2] = out.x[3] = 0;
            }
            out.label = out.x[0] + 0.8 * (out.x[1] - out.x[2]) + 0.5 * out.x[3] > 0 ? 1 : 0;
            return out;
          }};
}

/// Ten classes of three clusters each; the tenth class is a tenth as frequent as the first.
World rare_clusters(std::uint64_t seed) {
  const auto centres = centres_of(seed, 10 * 3 * 32, 1.1);
  double total = 0;
  auto upto = std::make_shared<std::vector<double>>();
  for (int k = 0; k < 10; ++k)
    upto->push_back(total += std::pow(10.0, -k / 9.0));
  return {10, 32, 0.3, [centres, upto](Draw& one) {
            Sample out{std::vector<double>(32), 0, 0};
            const double at = one.uniform() * upto->back();
            out.label = static_cast<label_t>(std::min<std::ptrdiff_t>(
                9, std::upper_bound(upto->begin(), upto->end(), at) - upto->begin()));
            const auto cluster = static_cast<std::size_t>(out.label * 3 + one.below(3));
            for (std::size_t f = 0; f < 32; ++f)
              out.x[f] = (*centres)[cluster * 32 + f] + one.normal();
            return out;
          }};
}

/// Three classes, and one candidate in twenty far from everything with a coin's label.
World outliers(std::uint64_t /*seed*/) {
  return {3, 16, 0.3, [](Draw& draw) {
            Sample out{std::vector<double>(16), 0, 0};
            const bool far = draw.uniform() < 0.05;
            out.label = static_cast<label_t>(draw.below(3));
            for (std::size_t f = 0; f < 16; ++f)
              out.x[f] = (far ? 8.0 : 1.0) * draw.normal();
            if (far) {
              out.flags = kAmbiguous;
            } else {
              out.x[static_cast<std::size_t>(out.label)] += 2.2;
            }
            return out;
          }};
}

struct Entry {
  GeneratedTask task;
  World (*world)(std::uint64_t seed);
};

constexpr Entry kTasks[] = {
    {{"noise_cluster", "a cluster between all classes with the labels of a coin traps uncertainty"},
     noise_cluster},
    {{"thin_boundary", "one direction decides, thirty wide ones mean nothing: doubt pays"},
     thin_boundary},
    {{"crowded_boundary",
      "a boundary through a crowd, and 300 small clusters beside it that teach little: traps "
      "coverage"},
     crowded_boundary},
    {{"rare_clusters", "ten unequal classes of three clusters each reward coverage"},
     rare_clusters},
    {{"outliers", "one in twenty lies far from everything and traps farthest-first"}, outliers},
};

Candidates side_of(const World& world, index_t count, std::uint64_t seed, std::uint64_t first_id) {
  Candidates side;
  side.views = kViews;
  side.feature_size = world.features;
  for (index_t i = 0; i < count; ++i) {
    const std::uint64_t id = first_id + static_cast<std::uint64_t>(i);
    Draw draw(seed, id, kSample);
    const Sample sample = world.sample(draw);
    for (index_t v = 0; v < kViews; ++v) {
      for (const double x : sample.x)
        side.features.push_back(
            static_cast<float>(v == 0 ? x : x + world.view_noise * draw.normal()));
    }
    side.labels.push_back(sample.label);
    side.flags.push_back(sample.flags);
    side.ids.push_back(id);
    side.groups.push_back(static_cast<index_t>(id));
  }
  side.truth = side.labels;
  return side;
}

}  // namespace

std::vector<GeneratedTask> generated_tasks() {
  std::vector<GeneratedTask> out;
  for (const Entry& entry : kTasks)
    out.push_back(entry.task);
  return out;
}

namespace detail {

TaskData generate(const std::string& name, index_t pool, index_t test, std::uint64_t seed) {
  for (const Entry& entry : kTasks) {
    if (entry.task.name != name) continue;
    const World world = entry.world(seed);
    TaskData out;
    for (index_t k = 0; k < world.classes; ++k)
      out.class_names.push_back(fmt::format("class {}", k));
    out.pool = side_of(world, pool, seed, 0);
    out.test = side_of(world, test, seed, std::uint64_t{1} << 40);
    return out;
  }
  std::string known;
  for (const Entry& entry : kTasks)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.task.name);
  throw ValueError(fmt::format("There is no generated task \"{}\"; take one of {}.", name, known));
}

void fill_mean_features(Candidates& side) {
  const auto q = static_cast<std::size_t>(side.views);
  const auto d = static_cast<std::size_t>(side.feature_size);
  const std::size_t n = side.labels.size();
  side.mean_features.assign(n * d, 0.0F);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < d; ++f) {
      double sum = 0;
      for (std::size_t v = 0; v < q; ++v)
        sum += static_cast<double>(side.features[(i * q + v) * d + f]);
      side.mean_features[i * d + f] = static_cast<float>(sum / static_cast<double>(q));
    }
  }
}

}  // namespace detail
}  // namespace aift::bench
