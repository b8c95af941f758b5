// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/size_partitioners.h"

#include <cmath>
#include <utility>

#include "datasets/pairwise_sum.h"
#include "datasets/partitioning.h"
#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::NumRows;

/// Consecutive blocks of these sizes, which sum to no more than there are rows.
Partitions Blocks(const std::vector<std::size_t>& sizes) {
  Partitions partitions;
  partitions.reserve(sizes.size());
  std::size_t first = 0;
  for (const std::size_t size : sizes) {
    partitions.push_back(internal::Range(first, first + size));
    first += size;
  }
  return partitions;
}

StatusOr<Partitions> DivideBySizes(const SizePartitionerOptions& options,
                                   const ColumnView& column) {
  std::size_t left = NumRows(column);
  for (const std::size_t size : options.partition_sizes) {
    if (size > left) {
      return InvalidArgument("the partition sizes sum to more than the {} samples there are",
                             NumRows(column));
    }
    left -= size;
  }
  return Blocks(options.partition_sizes);
}

StatusOr<std::vector<double>> Shares(const IdToSizeFncPartitionerOptions& options) {
  return internal::CatchExceptions(
      "partition_id_to_size_fn", [&options]() -> StatusOr<std::vector<double>> {
        std::vector<double> shares(options.num_partitions);
        for (std::size_t i = 0; i < shares.size(); ++i) {
          shares[i] = options.partition_id_to_size_fn(static_cast<double>(i + 1));
        }
        return shares;
      });
}

StatusOr<Partitions> DivideByFunction(const IdToSizeFncPartitionerOptions& options,
                                      const ColumnView& column) {
  const std::size_t num_rows = NumRows(column);
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(options.num_partitions, num_rows));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<double> shares, Shares(options));
  const double sum = internal::PairwiseSum(std::span(shares));
  std::vector<std::size_t> sizes(shares.size());
  std::size_t left = num_rows;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double size = shares[i] / sum * static_cast<double>(num_rows);
    const bool last = i + 1 == shares.size();
    // The last one has what rounding leaves, which may be all it has. NaN fails the comparison.
    if (!(size >= (last ? 0 : 1)) || std::floor(size) > static_cast<double>(left)) {
      return InvalidArgument(
          "{} samples cannot be divided into {} partitions of the given shares: partition {} would "
          "have {:.3g}",
          num_rows, options.num_partitions, i, size);
    }
    sizes[i] = last ? left : static_cast<std::size_t>(size);
    left -= sizes[i];
  }
  if (sizes.back() == 0) {
    return InvalidArgument("{} samples leave none for the last of {} partitions", num_rows,
                           sizes.size());
  }
  return Blocks(sizes);
}

StatusOr<std::unique_ptr<Partitioner>> MakeOf(const NumPartitionsOptions& options,
                                              double (*share)(double)) {
  return MakeIdToSizeFncPartitioner({options.num_partitions, share});
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakeIidPartitioner(const NumPartitionsOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  return internal::PartitionerOf([options](const ColumnView& column) -> StatusOr<Partitions> {
    const std::size_t num_rows = NumRows(column);
    FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(options.num_partitions, num_rows));
    return internal::CutIntoPartitions(internal::Range(0, num_rows), options.num_partitions);
  });
}

StatusOr<std::unique_ptr<Partitioner>> MakeSizePartitioner(SizePartitionerOptions options) {
  if (options.partition_sizes.empty()) {
    return InvalidArgument("partition_sizes is empty, expected one size or more");
  }
  for (const std::size_t size : options.partition_sizes) {
    if (size == 0) return InvalidArgument("partition_sizes has a 0, expected sizes of 1 or more");
  }
  return internal::PartitionerOf([options = std::move(options)](const ColumnView& column) {
    return DivideBySizes(options, column);
  });
}

StatusOr<std::unique_ptr<Partitioner>> MakeIdToSizeFncPartitioner(
    IdToSizeFncPartitionerOptions options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  if (!options.partition_id_to_size_fn) {
    return InvalidArgument("partition_id_to_size_fn is empty, expected a function");
  }
  return internal::PartitionerOf([options = std::move(options)](const ColumnView& column) {
    return DivideByFunction(options, column);
  });
}

StatusOr<std::unique_ptr<Partitioner>> MakeLinearPartitioner(const NumPartitionsOptions& options) {
  return MakeOf(options, [](double id) { return id; });
}

StatusOr<std::unique_ptr<Partitioner>> MakeSquarePartitioner(const NumPartitionsOptions& options) {
  return MakeOf(options, [](double id) { return id * id; });
}

StatusOr<std::unique_ptr<Partitioner>> MakeExponentialPartitioner(
    const NumPartitionsOptions& options) {
  return MakeOf(options, [](double id) { return std::exp(id); });
}

}  // namespace flwrcpp::datasets
