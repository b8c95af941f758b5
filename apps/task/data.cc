// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/data.h"

#include <fmt/format.h>

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "flwrcpp/datasets/dirichlet_partitioners.h"
#include "flwrcpp/datasets/federated_dataset.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "flwrcpp/datasets/size_partitioners.h"

namespace flwrcpp::task {
namespace {

using datasets::ImageDataset;
using datasets::Partitioner;

/// The partitioner that the options name; shuffle and limit are not its own.
StatusOr<std::unique_ptr<Partitioner>> MakeTaskPartitioner(const std::string& name,
                                                           const PartitionOptions& options) {
  const std::size_t num_partitions = options.num_partitions;
  if (name == "iid") return datasets::MakeIidPartitioner({num_partitions});
  if (name == "contiguous") {
    if (options.samples_per_partition == 0) return datasets::MakeIidPartitioner({num_partitions});
    return datasets::MakeSizePartitioner(
        {std::vector<std::size_t>(num_partitions, options.samples_per_partition)});
  }
  if (name == "dirichlet") {
    return datasets::MakeDirichletPartitioner(
        {.num_partitions = num_partitions, .alpha = options.alpha, .seed = options.seed});
  }
  if (name == "shards") {
    return datasets::MakeShardPartitioner(
        {.num_partitions = num_partitions, .num_shards_per_partition = 2, .seed = options.seed});
  }
  return Status(
      StatusCode::kInvalidArgument,
      fmt::format("unknown partitioner '{}', expected iid, contiguous, dirichlet or shards", name));
}

/// The first `size` images for training, the others for validation.
TaskData Cut(ImageDataset all, std::size_t size) {
  const auto first_byte =
      all.images.begin() + static_cast<std::ptrdiff_t>(size * all.format.image_size());
  const auto first_label = all.labels.begin() + static_cast<std::ptrdiff_t>(size);
  TaskData data;
  data.validation = {all.format, {first_byte, all.images.end()}, {first_label, all.labels.end()}};
  all.images.resize(size * all.format.image_size());
  all.labels.resize(size);
  data.train = std::move(all);
  return data;
}

}  // namespace

StatusOr<TaskData> LoadTaskData(const TaskDataOptions& options) {
  const double fraction = options.train_fraction;
  if (!(fraction > 0 && fraction <= 1)) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("train_fraction is {}, expected above 0 and at most 1", fraction));
  }
  auto source = datasets::MakeImageSource(options.dataset, options.data_dir);
  if (!source.ok()) return source.status();
  const datasets::ImageFormat format = (*source)->format();
  auto partitioner = MakeTaskPartitioner(options.partitioner, options.partitions);
  if (!partitioner.ok()) return partitioner.status();

  const std::string split(datasets::kTrainSplit);
  datasets::FederatedDatasetOptions dataset_options;
  dataset_options.partitioners[split].partitioner = *std::move(partitioner);
  dataset_options.shuffle = options.partitioner != "contiguous";
  dataset_options.seed = options.partitions.seed;
  const auto dataset = datasets::FederatedDataset::Make(*std::move(source), dataset_options);
  if (!dataset.ok()) return dataset.status();

  auto partition = dataset->LoadPartition(options.partition_id);
  if (!partition.ok()) return partition.status();
  const std::size_t limit = options.partitions.samples_per_partition;
  if (limit > 0 && partition->num_rows() > limit) {
    std::vector<std::size_t> rows(limit);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    partition = partition->Select(rows);
  }
  auto images = datasets::ToImages(*std::move(partition), format);
  if (!images.ok()) return images.status();
  const auto cut = static_cast<std::size_t>(static_cast<double>(images->size()) * fraction);
  return Cut(*std::move(images), cut);
}

StatusOr<datasets::ImageDataset> LoadTestData(const std::string& dataset,
                                              const std::string& data_dir) {
  const auto source = datasets::MakeImageSource(dataset, data_dir);
  if (!source.ok()) return source.status();
  return (*source)->LoadAll(datasets::kTestSplit);
}

}  // namespace flwrcpp::task
