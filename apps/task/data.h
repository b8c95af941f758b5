// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/status.h"

namespace flwrcpp::task {

/// How the samples are divided among nodes.
struct PartitionOptions {
  /// At least 1.
  std::size_t num_partitions = 2;

  /// Samples that a partition has at most; 0: no limit. "contiguous" makes its blocks exactly so
  /// long, the others leave out the rest of each partition.
  std::size_t samples_per_partition = 0;

  std::uint64_t seed = 42;

  /// Of "dirichlet": its concentration.
  double alpha = 0.5;
};

/// Which samples a node learns from.
struct TaskDataOptions {
  /// "fashion-mnist" or "cifar10".
  std::string dataset = "fashion-mnist";

  /// Directory of the dataset's files; empty: where Debian puts Fashion-MNIST.
  std::string data_dir;

  /// "iid", "dirichlet" and "shards" (two for each partition) put the samples into an order drawn
  /// with the seed and divide them with Flower's `IidPartitioner`, `DirichletPartitioner` or
  /// `ShardPartitioner`, as a `FederatedDataset` of flwr-datasets does; "contiguous" is
  /// `IidPartitioner` without another order.
  std::string partitioner = "iid";

  PartitionOptions partitions;

  /// Below `partitions.num_partitions`.
  std::size_t partition_id = 0;

  /// Share of the partition that is trained on, from its front; the rest is for validation. Above
  /// 0, at most 1.
  double train_fraction = 0.8;
};

/// What a node learns from.
struct TaskData {
  datasets::ImageDataset train;
  datasets::ImageDataset validation;
};

/// Reads a node's partition. Takes some tenths of a second: load once a process and share.
/// @return as `MakeImageSource`, `FederatedDataset::Make` and `LoadPartition`; `kInvalidArgument`
///   for an unknown partitioner, a fraction out of range, or what partitioners say.
StatusOr<TaskData> LoadTaskData(const TaskDataOptions& options);

/// Reads the test images that nobody trains on (10,000 for both datasets).
StatusOr<datasets::ImageDataset> LoadTestData(const std::string& dataset,
                                              const std::string& data_dir);

}  // namespace flwrcpp::task
