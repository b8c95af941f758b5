// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"

namespace flwrcpp::datasets {

/// Concentration of a Dirichlet distribution: one number for all, or one for each. Above 0, finite.
/// The smaller, the more uneven.
using DirichletAlpha = std::variant<double, std::vector<double>>;

/// Settings of `MakeDirichletPartitioner`.
struct DirichletPartitionerOptions {
  std::size_t num_partitions = 0;  ///< Required: at least 1.

  /// Required. Of each partition, if several.
  DirichletAlpha alpha = 0.0;

  /// Rows that each partition has at least.
  std::size_t min_partition_size = 10;

  /// Give no more rows to a partition that has more than its even share already.
  bool self_balancing = false;

  /// Draw an order for the rows of each partition, which are sorted by class otherwise.
  bool shuffle = true;

  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Divides the rows of each class among the partitions by proportions drawn from a Dirichlet
/// distribution (Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural Networks",
/// 2019; `flwr_datasets.partitioner.DirichletPartitioner`). Draws real numbers.
///
/// Classes are the distinct values of the column. While a partition is smaller than
/// `min_partition_size` all is drawn again, 11 times at most; then `Partition` fails. Python's
/// `alpha` of an array is a vector here.
/// @return `kInvalidArgument` for no partitions, an alpha out of range or another number of alphas
///   than partitions.
StatusOr<std::unique_ptr<Partitioner>> MakeDirichletPartitioner(
    DirichletPartitionerOptions options);

/// Settings of `MakeInnerDirichletPartitioner`.
struct InnerDirichletPartitionerOptions {
  std::vector<std::size_t> partition_sizes = {};  ///< Required: rows of each partition.

  /// Required. Of each class in the order of their values, if several.
  DirichletAlpha alpha = 0.0;

  bool shuffle = true;                     ///< Draw an order for the rows of each partition.
  std::optional<std::uint64_t> seed = 42;  ///< Nothing: another result each time.
};

/// Partitions of given sizes, whose shares of classes are drawn from a Dirichlet distribution (Acar
/// et al., "Federated Learning Based on Dynamic Regularization", 2021;
/// `flwr_datasets.partitioner.InnerDirichletPartitioner`). Draws real numbers.
///
/// Rows are dealt one by one: to a random partition that is not full, of a random class of its
/// shares; shares of a class that is used up go to the others. Classes are the distinct values of
/// the column; flwr-datasets takes labels other than 0, 1, 2, … for classes without rows.
///
/// `Partition` rejects sizes that sum to more than the rows, and shares (of a very small alpha) all
/// of whose classes are used up before the partition is full.
/// @return `kInvalidArgument` for no sizes or an alpha out of range.
StatusOr<std::unique_ptr<Partitioner>> MakeInnerDirichletPartitioner(
    InnerDirichletPartitionerOptions options);

}  // namespace flwrcpp::datasets
