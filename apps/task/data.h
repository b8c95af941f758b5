// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/make_partitioner.h"
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

  /// Further ones of the partitioner, by Flower's names; they go before those above.
  datasets::PartitionerParameters parameters;
};

/// Which samples a node learns from.
struct TaskDataOptions {
  /// One of `TaskDatasetNames`.
  std::string dataset = "fashion-mnist";

  /// Directory of the dataset's files; empty: where Debian puts Fashion-MNIST.
  std::string data_dir;

  /// One of `TaskPartitionerNames`. All but "contiguous" put the samples into an order drawn with
  /// the seed and divide them with Flower's partitioner of that name, as a `FederatedDataset` of
  /// flwr-datasets does: "shards" with two for each partition, "pathological" with two classes, if
  /// the parameters say nothing else. "contiguous" is `IidPartitioner` without another order.
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

/// iid, contiguous, dirichlet, pathological, shards, linear, square, exponential.
std::vector<std::string> TaskPartitionerNames();
/// Those that `MakeImageSource` knows.
std::vector<std::string> TaskDatasetNames();

/// The partitioner that the options name; another order of the samples is not its part.
/// @return `kInvalidArgument` for an unknown name or parameter, or what the partitioner says.
StatusOr<std::unique_ptr<datasets::Partitioner>> MakeTaskPartitioner(
    const TaskDataOptions& options);

/// Reads a node's partition. Takes some tenths of a second: load once a process and share.
/// @return as `MakeImageSource`, `FederatedDataset::Make` and `LoadPartition`; `kInvalidArgument`
///   for an unknown partitioner, a fraction out of range, or what partitioners say.
StatusOr<TaskData> LoadTaskData(const TaskDataOptions& options);

/// Reads the test images that nobody trains on (10,000 for both datasets).
StatusOr<datasets::ImageDataset> LoadTestData(const std::string& dataset,
                                              const std::string& data_dir);

}  // namespace flwrcpp::task
