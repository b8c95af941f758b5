// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"

// Partitioners that look at the number of rows only. They cut the rows into consecutive blocks, in
// the order in which the column brings them: shuffle first (`FederatedDatasetOptions::shuffle`) for
// partitions that are alike.

namespace flwrcpp::datasets {

/// Settings of the partitioners that need no more than a number.
struct NumPartitionsOptions {
  std::size_t num_partitions = 0;  ///< Required: at least 1.
};

/// Blocks whose sizes differ by one at most, the longer ones first.
/// (`flwr_datasets.partitioner.IidPartitioner`)
/// @return `kInvalidArgument` for no partitions.
StatusOr<std::unique_ptr<Partitioner>> MakeIidPartitioner(const NumPartitionsOptions& options);

/// Settings of `MakeSizePartitioner`.
struct SizePartitionerOptions {
  std::vector<std::size_t> partition_sizes;  ///< Required: rows of each partition, above 0.
};

/// Blocks of the given sizes; rows behind the last one are left out.
/// (`flwr_datasets.partitioner.SizePartitioner`)
///
/// `Partition` rejects fewer rows than the sizes sum to.
/// @return `kInvalidArgument` for no sizes or a size of 0.
StatusOr<std::unique_ptr<Partitioner>> MakeSizePartitioner(SizePartitionerOptions options);

/// Settings of `MakeIdToSizeFncPartitioner`.
struct IdToSizeFncPartitionerOptions {
  std::size_t num_partitions = 0;  ///< Required: at least 1.

  /// Required: the share of a partition, in any unit. It is called with the partition's number,
  /// from 1 to `num_partitions`; from several threads if `Partition` is.
  std::function<double(double)> partition_id_to_size_fn;
};

/// Blocks whose sizes are in the ratio of a function of the partition's number: of n rows a
/// partition gets f(i) / Σ f(j) · n, rounded down, and the last one what is left.
/// (`flwr_datasets.partitioner.IdToSizeFncPartitioner`)
///
/// `Partition` rejects shares with which a partition would be empty, and gives `kInternal` when the
/// function throws.
/// @return `kInvalidArgument` for no partitions or no function.
StatusOr<std::unique_ptr<Partitioner>> MakeIdToSizeFncPartitioner(
    IdToSizeFncPartitionerOptions options);

/// With f(i) = i. (`flwr_datasets.partitioner.LinearPartitioner`)
/// @return as `MakeIdToSizeFncPartitioner`.
StatusOr<std::unique_ptr<Partitioner>> MakeLinearPartitioner(const NumPartitionsOptions& options);

/// With f(i) = i². (`flwr_datasets.partitioner.SquarePartitioner`)
/// @return as `MakeIdToSizeFncPartitioner`.
StatusOr<std::unique_ptr<Partitioner>> MakeSquarePartitioner(const NumPartitionsOptions& options);

/// With f(i) = eⁱ. (`flwr_datasets.partitioner.ExponentialPartitioner`)
/// @return as `MakeIdToSizeFncPartitioner`.
StatusOr<std::unique_ptr<Partitioner>> MakeExponentialPartitioner(
    const NumPartitionsOptions& options);

}  // namespace flwrcpp::datasets
