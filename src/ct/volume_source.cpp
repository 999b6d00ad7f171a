// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/volume_source.hpp>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include <aift/core/error.hpp>
#include <aift/ct/candidates.hpp>

namespace aift::ct {

/// A volume of the data set.
struct OneVolume {
  std::vector<index_t> members;  ///< candidates in the order of their ids
  std::mutex reading;
};

struct VolumeSource::State {
  struct Kept {
    index_t candidate = 0;
    std::shared_ptr<const CandidateView> view;
    std::uint64_t bytes = 0;
  };

  const io::Dataset& data;
  VolumeSourceOptions options;
  std::vector<Point> positions;
  std::map<std::string, OneVolume> volumes;

  mutable std::mutex mutex;  ///< of what follows
  std::list<Kept> kept;      ///< used last first
  std::unordered_map<index_t, std::list<Kept>::iterator> places;
  std::uint64_t bytes = 0;
  index_t volumes_read = 0;

  State(const io::Dataset& set, const VolumeSourceOptions& how)
      : data(set), options(how), positions(positions_of(set)) {}

  std::shared_ptr<const CandidateView> find(index_t candidate) {
    const std::lock_guard lock(mutex);
    const auto place = places.find(candidate);
    if (place == places.end()) return nullptr;
    kept.splice(kept.begin(), kept, place->second);
    return place->second->view;
  }

  void keep(index_t candidate, std::shared_ptr<const CandidateView> view) {
    const std::uint64_t size = view->crop.voxels.size() * sizeof(std::int16_t) + sizeof(*view);
    const std::lock_guard lock(mutex);
    if (places.contains(candidate)) return;
    kept.push_front({candidate, std::move(view), size});
    places[candidate] = kept.begin();
    bytes += size;
    while (bytes > options.cache_bytes && kept.size() > 1) {
      bytes -= kept.back().bytes;
      places.erase(kept.back().candidate);
      kept.pop_back();
    }
  }

  [[nodiscard]] const std::string& path(index_t i) const {
    return data.paths[static_cast<std::size_t>(i)];
  }

  std::shared_ptr<const CandidateView> cut(const Volume& volume, index_t candidate) const {
    const Point& centre = positions[static_cast<std::size_t>(candidate)];
    AIFT_EXPECT(volume.geometry.contains(centre), IoError,
                "{}: the candidate at ({:g}, {:g}, {:g}) mm lies outside its volume; positions are "
                "world coordinates in mm, LPS.",
                path(candidate), centre[0], centre[1], centre[2]);
    auto view = std::make_shared<CandidateView>();
    view->crop = crop_around(volume, centre, options.reach_mm);
    view->centre = centre;
    view->frame = vessel_axis(view->crop.view(), centre, options.axis);
    return view;
  }

  /// Reads the volume of a candidate and cuts it, and as many of those that follow as fit into half of
  /// the cache: the walk comes to them next.
  std::shared_ptr<const CandidateView> load(index_t candidate) {
    OneVolume& of = volumes.at(data.volumes[static_cast<std::size_t>(candidate)]);
    const std::lock_guard lock(of.reading);
    if (auto found = find(candidate)) return found;  // somebody else was quicker
    const Volume volume = read_volume(data.file(candidate), options.read);
    {
      const std::lock_guard counting(mutex);
      ++volumes_read;
    }
    auto wanted = cut(volume, candidate);
    std::uint64_t room = options.cache_bytes / 2;
    auto at = std::find(of.members.begin(), of.members.end(), candidate);
    for (std::size_t n = 1; n < of.members.size(); ++n) {
      if (++at == of.members.end()) at = of.members.begin();
      if (!volume.geometry.contains(positions[static_cast<std::size_t>(*at)])) continue;
      auto view = cut(volume, *at);
      const std::uint64_t size = view->crop.voxels.size() * sizeof(std::int16_t) + sizeof(*view);
      if (size > room) break;
      room -= size;
      keep(*at, std::move(view));
    }
    keep(candidate, wanted);
    return wanted;
  }
};

VolumeSource::VolumeSource(const io::Dataset& data, const VolumeSourceOptions& options)
    : state_(std::make_unique<State>(data, options)) {
  AIFT_EXPECT(options.reach_mm > 0 && std::isfinite(options.reach_mm), ValueError,
              "The reach around a candidate must be positive; got {} mm.", options.reach_mm);
  AIFT_EXPECT(options.cache_bytes > 0, ValueError, "The cache must have room; got 0 bytes.");
  for (index_t i = 0; i < data.size(); ++i)
    state_->volumes[data.volumes[static_cast<std::size_t>(i)]].members.push_back(i);
  for (auto& [name, volume] : state_->volumes) {
    std::sort(volume.members.begin(), volume.members.end(), [&](index_t a, index_t b) {
      return data.ids[static_cast<std::size_t>(a)] < data.ids[static_cast<std::size_t>(b)];
    });
  }
}

VolumeSource::~VolumeSource() = default;

std::shared_ptr<const CandidateView> VolumeSource::read(const CandidateRef& candidate) const {
  AIFT_EXPECT(candidate.index >= 0 && candidate.index < state_->data.size(), ValueError,
              "The data set has {} candidates; there is no number {}.", state_->data.size(),
              candidate.index);
  if (auto found = state_->find(candidate.index)) return found;
  return state_->load(candidate.index);
}

std::vector<io::BadImage> VolumeSource::check(
    const std::function<void(index_t done, index_t total)>& progress) const {
  std::vector<io::BadImage> bad;
  index_t done = 0;
  for (const auto& [name, volume] : state_->volumes) {
    std::string problem;
    for (const index_t i : volume.members) {
      if (progress) progress(done, state_->data.size());
      ++done;
      if (!problem.empty()) {  // one reading tells about all of them
        bad.push_back({i, problem});
        continue;
      }
      try {
        (void)read(state_->data.ref(i));
      } catch (const IoError& error) {
        const bool outside = std::string_view(error.what()).starts_with(state_->path(i));
        bad.push_back({i, error.what()});
        if (!outside) problem = error.what();
      }
    }
  }
  std::sort(bad.begin(), bad.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return bad;
}

const VolumeSourceOptions& VolumeSource::options() const noexcept { return state_->options; }

index_t VolumeSource::volumes_read() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->volumes_read;
}

std::uint64_t VolumeSource::cached_bytes() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return state_->bytes;
}

}  // namespace aift::ct
