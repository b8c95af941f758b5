// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "flwrcpp/datasets/partitioner.h"

namespace flwrcpp::datasets {

/// Settings of `MakeContinuousPartitioner`.
struct ContinuousPartitionerOptions {
  std::size_t num_partitions = 0;  ///< Required: at least 1.

  /// Required: from 0, where the column has no influence, to 1, where it alone decides.
  double strictness = -1;

  bool shuffle = true;                     ///< Draw an order for the rows of each partition.
  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Sorts the rows by a measured property mixed with noise and cuts them into parts whose sizes
/// differ by one at most. (`flwr_datasets.partitioner.ContinuousPartitioner`) Draws real numbers.
///
/// The key is s · z + (1 − s) · ε, with s the strictness, z the property less its mean and divided
/// by its standard deviation, in float32 as in Python, and ε normally distributed. Of rows with
/// equal keys the earlier is first, where NumPy's order is not defined.
///
/// `Partition` rejects a column of texts, a number that is not finite (as a float32), and a
/// property that does not vary (deviation below 1e-6) unless the strictness is 0.
/// @return `kInvalidArgument` for no partitions or a strictness out of range.
StatusOr<std::unique_ptr<Partitioner>> MakeContinuousPartitioner(
    const ContinuousPartitionerOptions& options);

}  // namespace flwrcpp::datasets
