// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"

// Partitioners that choose which classes a partition has. Classes are the distinct values of the
// column, numbered in their order.

namespace flwrcpp::datasets {

/// How classes are given to the partitions of the pathological partitioner.
enum class ClassAssignmentMode {
  kRandom,         ///< "random": drawn for each partition, without repetition.
  kDeterministic,  ///< "deterministic": partition p has the classes p, p + 1, … (modulo all).
  kFirstDeterministic,  ///< "first-deterministic": class p (modulo all), the others are drawn.
};

/// Settings of `MakePathologicalPartitioner`.
struct PathologicalPartitionerOptions {
  std::size_t num_partitions = 0;             ///< Required: at least 1.
  std::size_t num_classes_per_partition = 0;  ///< Required: at least 1.
  ClassAssignmentMode class_assignment_mode = ClassAssignmentMode::kRandom;

  /// Draw an order for the rows of each partition, which are sorted by class otherwise.
  bool shuffle = true;

  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Partitions with a given number of classes each; the rows of a class are divided evenly among the
/// partitions that have it (Li et al., "Federated Learning on Non-IID Data Silos: An Experimental
/// Study", 2021; `flwr_datasets.partitioner.PathologicalPartitioner`).
///
/// Classes that no partition has are left out. `Partition` rejects more classes a partition than
/// there are, and a class with fewer rows than partitions.
/// @return `kInvalidArgument` for no partitions or no classes.
StatusOr<std::unique_ptr<Partitioner>> MakePathologicalPartitioner(
    const PathologicalPartitionerOptions& options);

/// Settings of `MakeShardPartitioner`. At least one of `num_shards_per_partition` and `shard_size`
/// is required:
///
/// | shards per partition | shard size | shards that are dealt |
/// |---|---|---|
/// | s | – | s for each partition, of rows / (partitions · s) rows, rounded down |
/// | s | r | s for each partition, of r rows |
/// | – | r | all complete ones of r rows; some partitions get one more than others |
/// | – | r, incomplete kept | all, the last one may be shorter; likewise |
struct ShardPartitionerOptions {
  std::size_t num_partitions = 0;                                      ///< Required: at least 1.
  std::optional<std::size_t> num_shards_per_partition = std::nullopt;  ///< At least 1.
  std::optional<std::size_t> shard_size = std::nullopt;                ///< In rows; at least 1.

  /// Deal the shorter shard at the end too. Without effect if both numbers above are given.
  bool keep_incomplete_shard = false;

  bool shuffle = true;                     ///< Draw an order for the rows of each partition.
  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Sorts the rows by class, cuts them into shards and deals these to the partitions by chance
/// (McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data",
/// 2017; `flwr_datasets.partitioner.ShardPartitioner`).
///
/// Rows in no shard are left out. Partitions hold positions in the column as it is given, not in
/// its sorted order. `Partition` rejects settings that need more rows than there are, or leave a
/// partition without a shard.
/// @return `kInvalidArgument` for no partitions, a number that is 0, or neither of the two.
StatusOr<std::unique_ptr<Partitioner>> MakeShardPartitioner(const ShardPartitionerOptions& options);

/// Settings of `MakeDistributionPartitioner`.
struct DistributionPartitionerOptions {
  /// Required: a row for each class, in the order of their values; each with
  /// `num_unique_labels_per_partition · num_partitions / classes` numbers, 0 or more.
  std::vector<std::vector<double>> distribution_array = {};

  std::size_t num_partitions = 0;                     ///< Required: a multiple of the classes.
  std::size_t num_unique_labels_per_partition = 0;    ///< Required: 1 to the number of classes.
  std::size_t preassigned_num_samples_per_label = 0;  ///< Required in Python.

  /// Whether a row of the array is the ratio by which a class is divided (each part has
  /// `preassigned_num_samples_per_label` rows to begin with, and what rounding leaves goes to a
  /// random one) or, if not, rows themselves (rounded down; others are left out).
  bool rescale = true;

  bool shuffle = true;                     ///< Draw an order for the rows of each partition.
  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Divides each class by a given distribution (after Li et al., "Federated Optimization in
/// Heterogeneous Networks", 2020; `flwr_datasets.partitioner.DistributionPartitioner`).
///
/// Partition p has the classes p, p + 1, … (modulo all), as many as asked for. Of a class's parts
/// the first goes to the first partition that has it, and so on.
///
/// `Partition` rejects an array of another shape, a number of partitions that is no multiple of the
/// classes, and more rows of a class than there are (`preassigned_num_samples_per_label` too: each
/// part needs one row more).
/// @return `kInvalidArgument` for no partitions, no classes, or a number in the array that is
///   negative or not finite.
StatusOr<std::unique_ptr<Partitioner>> MakeDistributionPartitioner(
    DistributionPartitionerOptions options);

}  // namespace flwrcpp::datasets
