// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/crop.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/ct/vessel_axis.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>

namespace aift::ct {

/// What a VolumeSource keeps and how it reads.
struct VolumeSourceOptions {
  double reach_mm = 18;  ///< of a candidate's surroundings; VesselAugmenter::reach_mm says how far
  /// Memory for the surroundings of candidates. The volume that is being cut comes on top, once per
  /// thread that reads.
  std::uint64_t cache_bytes = std::uint64_t{1} << 30;
  ReadOptions read = {};        ///< of every volume
  VesselAxisOptions axis = {};  ///< of every candidate
};

/// A candidate's surroundings, with its own directions.
struct CandidateView {
  Crop crop;          ///< the voxels within reach
  Point centre;       ///< the candidate, mm, LPS
  VesselFrame frame;  ///< the vessel's directions there
};

/// The candidates of a data set with volumes (io::read_dataset). A volume is read when one of its
/// candidates is asked for; what is kept are the surroundings of its candidates, the oldest given up
/// first. Walked in the order of the ids, as the loop does, each volume is read once per pass at most.
///
/// memory       cache_bytes, and one volume per reading thread
/// thread safe  two threads that want one volume wait for each other
class VolumeSource final : public Source {
 public:
  /// `data` must outlive it. throws as positions_of; ValueError (reach, cache)
  VolumeSource(const io::Dataset& data, const VolumeSourceOptions& options);
  ~VolumeSource() override;

  /// Surroundings of a candidate. throws IoError naming it: its volume cannot be read, it lies
  /// outside; ValueError: an index outside the data set
  [[nodiscard]] std::shared_ptr<const CandidateView> read(const CandidateRef& candidate) const;
  /// Reads every volume once and gives back the candidates that cannot be read, in order.
  [[nodiscard]] std::vector<io::BadImage> check(
      const std::function<void(index_t done, index_t total)>& progress = {}) const;
  /// What it was made with.
  [[nodiscard]] const VolumeSourceOptions& options() const noexcept;
  /// How often a volume has been read.
  [[nodiscard]] index_t volumes_read() const noexcept;
  /// Bytes that are kept now.
  [[nodiscard]] std::uint64_t cached_bytes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aift::ct
