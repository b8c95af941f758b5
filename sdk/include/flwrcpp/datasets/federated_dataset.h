// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/partitioner.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// A partition's positions in the split "train", cut in two.
struct PartitionIndices {
  std::vector<std::size_t> train;
  std::vector<std::size_t> validation;
};

/// A partition's samples.
struct PartitionData {
  ImageDataset train;
  ImageDataset validation;
};

/// A dataset whose split "train" is divided among nodes. (`flwr_datasets.FederatedDataset`)
///
/// Keeps the positions of the samples, not the images: these are read when a partition is asked
/// for. Immutable, thread-safe.
class FederatedDataset {
 public:
  /// Reads the labels and divides the samples.
  /// @param train_fraction of each partition that is trained on, from its front; the rest is for
  ///   validation. Above 0, at most 1.
  /// @return `kInvalidArgument` for a fraction out of range, or what source and partitioner say.
  static StatusOr<FederatedDataset> Make(std::shared_ptr<const ImageSource> source,
                                         const Partitioner& partitioner, double train_fraction);

  std::size_t num_partitions() const { return partitions_.size(); }
  const ImageFormat& format() const { return source_->format(); }

  /// @return `kOutOfRange` if there is no such partition.
  StatusOr<PartitionIndices> Indices(std::size_t partition_id) const;

  /// Reads the images of one partition.
  /// @return `kOutOfRange` if there is no such partition, or what the source says.
  StatusOr<PartitionData> LoadPartition(std::size_t partition_id) const;

  /// Reads a whole split, e.g. "test".
  StatusOr<ImageDataset> LoadSplit(std::string_view split) const { return source_->LoadAll(split); }

 private:
  FederatedDataset(std::shared_ptr<const ImageSource> source, Partitions partitions,
                   double train_fraction)
      : source_(std::move(source)),
        partitions_(std::move(partitions)),
        train_fraction_(train_fraction) {}

  std::shared_ptr<const ImageSource> source_;
  Partitions partitions_;
  double train_fraction_;
};

}  // namespace flwrcpp::datasets
