// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/data.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "flwrcpp/datasets/dirichlet_partitioners.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "flwrcpp/datasets/size_partitioners.h"

namespace flwrcpp::task {
namespace {

using datasets::Partitioner;
using datasets::Partitions;

/// Puts the samples into an order drawn with the seed, lets another partitioner divide them, and
/// leaves out what is beyond the limit.
class TaskPartitioner final : public Partitioner {
 public:
  TaskPartitioner(std::unique_ptr<Partitioner> partitioner, const PartitionOptions& options,
                  bool shuffle)
      : partitioner_(std::move(partitioner)), options_(options), shuffle_(shuffle) {}

  StatusOr<Partitions> Partition(const datasets::ColumnView& column) const override {
    StatusOr<Partitions> partitions =
        shuffle_ ? std::visit([this](const auto& values) { return Shuffled(values); }, column)
                 : partitioner_->Partition(column);
    if (partitions.ok() && options_.samples_per_partition > 0) {
      for (auto& partition : *partitions) {
        partition.resize(std::min(partition.size(), options_.samples_per_partition));
      }
    }
    return partitions;
  }

 private:
  template <typename T>
  StatusOr<Partitions> Shuffled(std::span<const T> values) const {
    const auto order = datasets::Permutation(values.size(), options_.seed);
    std::vector<T> shuffled;
    shuffled.reserve(values.size());
    for (const std::size_t sample : order) shuffled.push_back(values[sample]);
    StatusOr<Partitions> partitions = partitioner_->Partition(shuffled);
    if (!partitions.ok()) return partitions;
    for (auto& partition : *partitions) {
      for (std::size_t& sample : partition) sample = order[sample];
    }
    return partitions;
  }

  std::unique_ptr<Partitioner> partitioner_;
  PartitionOptions options_;
  bool shuffle_;
};

/// The partitioner that the options name, without shuffle and limit.
StatusOr<std::unique_ptr<Partitioner>> MakeInner(const std::string& name,
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

}  // namespace

StatusOr<datasets::PartitionData> LoadTaskData(const TaskDataOptions& options) {
  auto source = datasets::MakeImageSource(options.dataset, options.data_dir);
  if (!source.ok()) return source.status();
  auto inner = MakeInner(options.partitioner, options.partitions);
  if (!inner.ok()) return inner.status();
  const TaskPartitioner partitioner(*std::move(inner), options.partitions,
                                    options.partitioner != "contiguous");
  const auto dataset =
      datasets::FederatedDataset::Make(*std::move(source), partitioner, options.train_fraction);
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
