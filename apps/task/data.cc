// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/data.h"

#include <memory>
#include <utility>

namespace flwrcpp::task {

StatusOr<datasets::PartitionData> LoadTaskData(const TaskDataOptions& options) {
  auto source = datasets::MakeImageSource(options.dataset, options.data_dir);
  if (!source.ok()) return source.status();
  const auto partitioner = datasets::MakePartitioner(options.partitioner, options.partitions);
  if (!partitioner.ok()) return partitioner.status();
  const auto dataset =
      datasets::FederatedDataset::Make(*std::move(source), **partitioner, options.train_fraction);
  if (!dataset.ok()) return dataset.status();
  return dataset->LoadPartition(options.partition_id);
}

StatusOr<datasets::ImageDataset> LoadTestData(const std::string& dataset,
                                              const std::string& data_dir) {
  const auto source = datasets::MakeImageSource(dataset, data_dir);
  if (!source.ok()) return source.status();
  return (*source)->LoadAll(datasets::kTestSplit);
}

}  // namespace flwrcpp::task
