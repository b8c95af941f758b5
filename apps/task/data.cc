// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "flwrcpp/datasets/federated_dataset.h"
#include "flwrcpp/datasets/size_partitioners.h"

namespace flwrcpp::task {
namespace {

using datasets::ImageDataset;
using datasets::Partitioner;

/// A partitioner by its name here, with what it takes of the options that all have.
struct Known {
  const char* name;
  const char* flower_name;
  bool draws = false;  ///< With a seed of its own.
};

constexpr Known kKnown[] = {{"iid", "Iid"},
                            {"contiguous", "Iid"},
                            {"dirichlet", "Dirichlet", true},
                            {"pathological", "Pathological", true},
                            {"shards", "Shard", true},
                            {"linear", "Linear"},
                            {"square", "Square"},
                            {"exponential", "Exponential"}};

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

std::vector<std::string> TaskDatasetNames() { return {"fashion-mnist", "cifar10"}; }

std::vector<std::string> TaskPartitionerNames() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.emplace_back(known.name);
  return names;
}

StatusOr<std::unique_ptr<Partitioner>> MakeTaskPartitioner(const TaskDataOptions& options) {
  const PartitionOptions& common = options.partitions;
  const std::string& name = options.partitioner;
  const auto* const known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                         [&](const Known& entry) { return entry.name == name; });
  if (known == std::end(kKnown)) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("unknown partitioner '{}', expected {}", name,
                              fmt::join(TaskPartitionerNames(), ", ")));
  }
  if (name == "contiguous" && common.samples_per_partition > 0) {
    return datasets::MakeSizePartitioner(
        {std::vector<std::size_t>(common.num_partitions, common.samples_per_partition)});
  }
  datasets::PartitionerParameters parameters;
  for (const auto& [key, value] : common.parameters) {
    std::string underscored = key;
    std::replace(underscored.begin(), underscored.end(), '-', '_');
    parameters[underscored] = value;
  }
  // What was given stays.
  parameters.emplace("num_partitions", static_cast<std::int64_t>(common.num_partitions));
  if (known->draws) parameters.emplace("seed", static_cast<std::int64_t>(common.seed));
  if (name == "dirichlet") parameters.emplace("alpha", common.alpha);
  if (name == "pathological") parameters.emplace("num_classes_per_partition", std::int64_t{2});
  if (name == "shards" && !parameters.contains("shard_size")) {
    parameters.emplace("num_shards_per_partition", std::int64_t{2});
  }
  return datasets::MakePartitioner(known->flower_name, parameters);
}

StatusOr<TaskData> LoadTaskData(const TaskDataOptions& options) {
  const double fraction = options.train_fraction;
  if (!(fraction > 0 && fraction <= 1)) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("train_fraction is {}, expected above 0 and at most 1", fraction));
  }
  auto source = datasets::MakeImageSource(options.dataset, options.data_dir);
  if (!source.ok()) return source.status();
  const datasets::ImageFormat format = (*source)->format();
  auto partitioner = MakeTaskPartitioner(options);
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
