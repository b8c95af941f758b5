// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "datasets/pairwise_sum.h"
#include "datasets/partitioning.h"
#include "flwrcpp/datasets/label_partitioners.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::NumRows;
using internal::Random;

/// Looks whether the array fits the classes.
/// @return its number of columns.
StatusOr<std::size_t> CheckShape(const DistributionPartitionerOptions& options,
                                 std::size_t num_classes) {
  const auto& array = options.distribution_array;
  if (array.size() != num_classes) {
    return InvalidArgument("distribution_array has {} rows, expected one for each of {} classes",
                           array.size(), num_classes);
  }
  if (options.num_unique_labels_per_partition > num_classes) {
    return InvalidArgument("num_unique_labels_per_partition is {}, but there are {} classes",
                           options.num_unique_labels_per_partition, num_classes);
  }
  if (options.num_partitions % num_classes != 0) {
    return InvalidArgument("num_partitions is {}, expected a multiple of the {} classes",
                           options.num_partitions, num_classes);
  }
  const std::size_t columns =
      options.num_unique_labels_per_partition * (options.num_partitions / num_classes);
  for (std::size_t i = 0; i < num_classes; ++i) {
    if (array[i].size() == columns) continue;
    return InvalidArgument("row {} of distribution_array has {} numbers, expected {}", i,
                           array[i].size(), columns);
  }
  return columns;
}

/// How many of a class's rows each part has. They sum to `num_rows` at most, but for what rounding
/// may add.
/// @param which of the classes, for messages
StatusOr<std::vector<std::size_t>> PartSizes(const DistributionPartitionerOptions& options,
                                             std::size_t which, std::size_t num_rows) {
  const std::vector<double>& row = options.distribution_array[which];
  const double sum = internal::PairwiseSum(std::span(row));
  std::vector<std::size_t> sizes(row.size());
  if (!options.rescale) {
    if (!(sum <= static_cast<double>(num_rows))) {
      return InvalidArgument(
          "row {} of distribution_array sums to {}, but its class has {} samples", which, sum,
          num_rows);
    }
    for (std::size_t i = 0; i < row.size(); ++i) sizes[i] = static_cast<std::size_t>(row[i]);
    return sizes;
  }
  if (!(sum > 0 && std::isfinite(sum))) {
    return InvalidArgument("row {} of distribution_array sums to {}, expected above 0", which, sum);
  }
  const std::size_t preassigned = options.preassigned_num_samples_per_label;
  const std::size_t rows_for_each = num_rows / row.size();
  if (rows_for_each == 0 || preassigned > rows_for_each - 1) {
    return InvalidArgument(
        "class {} has {} samples, too few for {} parts with preassigned_num_samples_per_label {} "
        "and one more",
        which, num_rows, row.size(), preassigned);
  }
  const auto to_divide = static_cast<double>(num_rows - preassigned * row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    sizes[i] = preassigned + static_cast<std::size_t>(std::floor(row[i] / sum * to_divide));
  }
  return sizes;
}

/// Cuts the rows of a class into parts of these sizes. What is left goes to a random one if
/// `random`.
Partitions Parts(std::span<const std::size_t> rows, const std::vector<std::size_t>& sizes,
                 Random* random) {
  Partitions parts(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::size_t size = std::min(sizes[i], rows.size());
    internal::Append(rows.first(size), parts[i]);
    rows = rows.subspan(size);
  }
  if (random != nullptr) {
    internal::Append(rows, parts[static_cast<std::size_t>(random->Below(parts.size()))]);
  }
  return parts;
}

StatusOr<Partitions> DivideByDistribution(const DistributionPartitionerOptions& options,
                                          const ColumnView& column) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(options.num_partitions, NumRows(column)));
  FLWRCPP_ASSIGN_OR_RETURN(const Partitions classes, internal::FindClasses(column));
  FLWRCPP_RETURN_IF_ERROR(CheckShape(options, classes.size()).status());

  Random random(options.seed);
  std::vector<Partitions> parts;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const auto sizes, PartSizes(options, i, classes[i].size()));
    parts.push_back(Parts(classes[i], sizes, options.rescale ? &random : nullptr));
  }
  Partitions partitions(options.num_partitions);
  std::vector<std::size_t> next(classes.size());
  for (std::size_t partition = 0; partition < partitions.size(); ++partition) {
    for (std::size_t k = 0; k < options.num_unique_labels_per_partition; ++k) {
      const std::size_t i = (partition + k) % classes.size();
      internal::Append(parts[i][next[i]++], partitions[partition]);
    }
  }
  if (options.shuffle) internal::ShuffleEach(partitions, random);
  return partitions;
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakeDistributionPartitioner(
    DistributionPartitionerOptions options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  if (options.num_unique_labels_per_partition == 0) {
    return InvalidArgument("num_unique_labels_per_partition is 0, expected 1 or more");
  }
  for (const auto& row : options.distribution_array) {
    for (const double value : row) {
      if (value >= 0 && std::isfinite(value)) continue;
      return InvalidArgument("distribution_array has a {}, expected finite numbers of 0 or more",
                             value);
    }
  }
  return internal::PartitionerOf([options = std::move(options)](const ColumnView& column) {
    return DivideByDistribution(options, column);
  });
}

}  // namespace flwrcpp::datasets
