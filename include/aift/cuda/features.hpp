// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/rng.hpp>
#include <aift/cuda/device_view.hpp>
#include <aift/cuda/status.hpp>
#include <aift/cuda/stream.hpp>

namespace aift::cuda {

/// Distances, farthest-first and k-means on features in device memory: the bits and the picks of
/// the selectors of aift::core.
///
/// A squared distance is sum_f (x_f - c_f)^2 in float, summed in a fixed order, so it does not
/// depend on the device: 0 for equal rows, symmetric.
///
/// refused    a feature that is not finite: FaultCode::feature with its row in the status (labelled
///            rows and centres: counted behind the candidates); what stands in the outputs then
///            means nothing
/// workspace  device memory, the caller's; its content means nothing
/// stream     everything is queued, nothing is allocated or waited for
/// throws     ShapeError, DeviceError at the call

/// Feature vectors in device memory, one row after another.
struct DeviceRows {
  DeviceView<const float> values;  ///< row-major [rows, columns]
  index_t rows = 0;                ///< at most 2^31 - 1
  index_t columns = 0;             ///< at least 1 unless there are no rows; at most 2^20
};

/// Squared distances of all rows to all centres.
/// out   [rows.rows, centres.rows]
/// cost  O(rows centres columns); each value is read once per 32 rows or centres
void squared_distances_async(const DeviceRows& rows, const DeviceRows& centres,
                             DeviceView<float> out, Status* status, cudaStream_t stream);

/// Bytes of workspace of k_center_async.
/// throws ShapeError: sizes that DeviceRows does not allow, a negative budget
[[nodiscard]] std::size_t k_center_workspace_bytes(index_t candidates, index_t columns,
                                                   index_t budget);

/// Picks, one after another, the candidate that is farthest from everything labelled or picked:
/// KCenterSelector of <aift/select/k_center_selector.hpp> for candidates in ascending order of
/// their ids. Without labelled rows the first one is the candidate nearest to the mean.
///
/// indices    [b] picks in order; -1 behind the last candidate
/// distances  [b], or empty: distance of each to the nearest of those before it; 0 for the one that
///            is nearest to the mean
/// ties       the lower index
/// cost       O(N labelled d) + b reads of the features, in b launches
/// source     Gonzalez, 1985; Sener and Savarese, ICLR 2018
void k_center_async(const DeviceRows& candidates, const DeviceRows& labelled, index_t budget,
                    DeviceView<index_t> indices, DeviceView<double> distances, Status* status,
                    Workspace workspace, cudaStream_t stream);

/// Where k-means writes; all in device memory.
struct KMeansOutput {
  DeviceView<std::int32_t> cluster;  ///< [rows] of each row
  DeviceView<float> squared;         ///< [rows] squared distance to its centre
  DeviceView<float> centres;         ///< [clusters, columns]; of an empty cluster: nothing to use
  DeviceView<index_t> sizes;         ///< [clusters]; 0: fewer distinct rows, or lost its last one
};

/// Bytes of workspace of k_means_async: O(rows (1 + columns / 256 + clusters / 256)).
/// throws ShapeError: sizes that DeviceRows does not allow, clusters < 1 or > 2^20, iterations < 1
[[nodiscard]] std::size_t k_means_workspace_bytes(index_t rows, index_t columns, index_t clusters,
                                                  index_t iterations);

/// Lloyd's algorithm from a k-means++ start, as the selectors of aift::core have it; what is drawn
/// depends on `random` alone.
///
/// iterations  assignments at most, at least 1; when one moves no row, those behind it do nothing
/// ties        the first of equally near centres
/// cost        O(rows columns clusters) per iteration, one read of the features per seed; the draw
///             of a seed takes rows / 256 steps of one lane
/// source      Arthur and Vassilvitskii, SODA 2007
void k_means_async(const DeviceRows& rows, index_t clusters, const KeyedRandom& random,
                   index_t iterations, const KMeansOutput& out, Status* status, Workspace workspace,
                   cudaStream_t stream);

}  // namespace aift::cuda
