// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Which samples each partition has: positions in the split, in the order in which the partition
/// lists them. No sample is in two partitions.
using Partitions = std::vector<std::vector<std::size_t>>;

/// Divides a dataset among the nodes of a federation. Immutable, thread-safe.
///
/// All partitioners give the same result for the same seed on every platform: they use
/// `std::mt19937_64`, whose numbers the C++ standard fixes, but none of the distributions and
/// shuffles of the standard library, which differ between implementations. (The Dirichlet
/// partitioner rounds logarithms of the platform's math library, so that a sample at a boundary
/// may move if these differ in their last bit.)
class Partitioner {
 public:
  virtual ~Partitioner() = default;

  virtual std::size_t num_partitions() const = 0;

  /// Divides the samples that have these labels.
  /// @return `kInvalidArgument` saying why the dataset cannot be divided so.
  virtual StatusOr<Partitions> Partition(std::span<const std::uint8_t> labels) const = 0;
};

/// Settings of the partitioners; each uses those that its description names.
struct PartitionerOptions {
  /// At least 1.
  std::size_t num_partitions = 2;

  /// Samples that a partition has at most; 0: no limit. The contiguous partitioner makes its
  /// blocks exactly so long, the others leave out the rest of each partition.
  std::size_t samples_per_partition = 0;

  std::uint64_t seed = 42;

  /// Dirichlet: concentration, 1e-6 to 1e6. The smaller, the fewer classes a partition has.
  double alpha = 0.5;

  /// Dirichlet: draws again while a partition is smaller than this; at least 1.
  std::size_t min_partition_size = 10;

  /// Shards: pieces of the dataset sorted by label that each partition gets; at least 1.
  std::size_t shards_per_partition = 2;
};

/// Shuffles and cuts into parts whose sizes differ by one at most. Uses `seed`.
StatusOr<std::unique_ptr<Partitioner>> MakeIidPartitioner(const PartitionerOptions& options);

/// Cuts into consecutive blocks without shuffling: of `samples_per_partition`, or else of sizes
/// that differ by one at most.
StatusOr<std::unique_ptr<Partitioner>> MakeContiguousPartitioner(const PartitionerOptions& options);

/// Divides the samples of each class by proportions drawn from a symmetric Dirichlet distribution
/// (Hsu et al., "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
/// Classification", 2019), and shuffles each partition. Uses `alpha`, `min_partition_size`, `seed`.
StatusOr<std::unique_ptr<Partitioner>> MakeDirichletPartitioner(const PartitionerOptions& options);

/// Sorts by label, cuts into shards of nearly equal size, and deals `shards_per_partition` of them
/// to each partition by chance (McMahan et al., "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data", 2017); shuffles each partition. Uses `shards_per_partition`, `seed`.
StatusOr<std::unique_ptr<Partitioner>> MakeShardPartitioner(const PartitionerOptions& options);

/// The partitioner called `name`: "iid", "contiguous", "dirichlet" or "shards".
/// @return `kInvalidArgument` for another name or settings outside their range.
StatusOr<std::unique_ptr<Partitioner>> MakePartitioner(const std::string& name,
                                                       const PartitionerOptions& options);

/// The numbers from 0 to `size - 1` in an order drawn with `seed`, the same on every platform.
std::vector<std::size_t> Permutation(std::size_t size, std::uint64_t seed);

}  // namespace flwrcpp::datasets
