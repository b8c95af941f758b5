// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "flwrcpp/datasets/federated_dataset.h"
#include "flwrcpp/status.h"

namespace flwrcpp::task {

/// Which samples a node learns from.
struct TaskDataOptions {
  /// "fashion-mnist" or "cifar10".
  std::string dataset = "fashion-mnist";

  /// Directory of the dataset's files; empty: where Debian puts Fashion-MNIST.
  std::string data_dir;

  /// "iid", "contiguous", "dirichlet" or "shards".
  std::string partitioner = "iid";

  /// Number of partitions, samples of each at most, seed, and what single partitioners need.
  datasets::PartitionerOptions partitions;

  /// Below `partitions.num_partitions`.
  std::size_t partition_id = 0;

  /// Share of the partition that is trained on; the rest is for validation.
  double train_fraction = 0.8;
};

/// Reads a node's partition. Takes some tenths of a second: load once a process and share.
/// @return as `MakeImageSource`, `MakePartitioner`, `FederatedDataset::Make` and `LoadPartition`.
StatusOr<datasets::PartitionData> LoadTaskData(const TaskDataOptions& options);

/// Reads the test images that nobody trains on (10,000 for both datasets).
StatusOr<datasets::ImageDataset> LoadTestData(const std::string& dataset,
                                              const std::string& data_dir);

}  // namespace flwrcpp::task
