// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/federated_dataset.h"

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {

StatusOr<FederatedDataset> FederatedDataset::Make(std::shared_ptr<const ImageSource> source,
                                                  const Partitioner& partitioner,
                                                  double train_fraction) {
  if (!(train_fraction > 0 && train_fraction <= 1)) {
    return internal::InvalidArgument("train_fraction is {}, expected above 0 and at most 1",
                                     train_fraction);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, source->LoadLabels(kTrainSplit));
  FLWRCPP_ASSIGN_OR_RETURN(Partitions partitions, partitioner.Partition(labels));
  return FederatedDataset(std::move(source), std::move(partitions), train_fraction);
}

StatusOr<PartitionIndices> FederatedDataset::Indices(std::size_t partition_id) const {
  if (partition_id >= partitions_.size()) {
    return internal::MakeError(StatusCode::kOutOfRange,
                               "there is no partition {}: the dataset has {} partitions",
                               partition_id, partitions_.size());
  }
  const auto& partition = partitions_[partition_id];
  const auto cut = partition.begin() + static_cast<std::ptrdiff_t>(
                                           static_cast<double>(partition.size()) * train_fraction_);
  return PartitionIndices{{partition.begin(), cut}, {cut, partition.end()}};
}

StatusOr<PartitionData> FederatedDataset::LoadPartition(std::size_t partition_id) const {
  FLWRCPP_ASSIGN_OR_RETURN(const PartitionIndices indices, Indices(partition_id));
  // One pass over the files for both halves.
  std::vector<std::size_t> all = indices.train;
  all.insert(all.end(), indices.validation.begin(), indices.validation.end());
  FLWRCPP_ASSIGN_OR_RETURN(ImageDataset train, source_->Load(kTrainSplit, all));

  const std::size_t cut = indices.train.size();
  const auto first_byte =
      train.images.begin() + static_cast<std::ptrdiff_t>(cut * train.format.image_size());
  const auto first_label = train.labels.begin() + static_cast<std::ptrdiff_t>(cut);
  PartitionData data;
  data.validation = {
      train.format, {first_byte, train.images.end()}, {first_label, train.labels.end()}};
  train.images.resize(cut * train.format.image_size());
  train.labels.resize(cut);
  data.train = std::move(train);
  return data;
}

}  // namespace flwrcpp::datasets
