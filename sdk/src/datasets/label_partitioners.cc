// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/label_partitioners.h"

#include <algorithm>
#include <numeric>

#include "datasets/partitioning.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::NumRows;
using internal::Random;

/// The classes of one partition.
std::vector<std::size_t> ChooseClasses(const PathologicalPartitionerOptions& options,
                                       std::size_t partition, std::size_t num_classes,
                                       Random& random) {
  const std::size_t wanted = options.num_classes_per_partition;
  if (options.class_assignment_mode == ClassAssignmentMode::kRandom) {
    return random.Sample(num_classes, wanted);
  }
  std::vector<std::size_t> chosen;
  if (options.class_assignment_mode == ClassAssignmentMode::kDeterministic) {
    for (std::size_t i = 0; i < wanted; ++i) chosen.push_back((partition + i) % num_classes);
    return chosen;
  }
  chosen.push_back(partition % num_classes);
  while (chosen.size() < wanted) {
    const auto drawn = static_cast<std::size_t>(random.Below(num_classes));
    if (std::find(chosen.begin(), chosen.end(), drawn) == chosen.end()) chosen.push_back(drawn);
  }
  return chosen;
}

StatusOr<Partitions> DividePathological(const PathologicalPartitionerOptions& options,
                                        const ColumnView& column) {
  const std::size_t num_partitions = options.num_partitions;
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(num_partitions, NumRows(column)));
  FLWRCPP_ASSIGN_OR_RETURN(const Partitions classes, internal::FindClasses(column));
  if (options.num_classes_per_partition > classes.size()) {
    return InvalidArgument("num_classes_per_partition is {}, but there are {} classes",
                           options.num_classes_per_partition, classes.size());
  }
  if (options.num_classes_per_partition > NumRows(column) / num_partitions) {
    return InvalidArgument("{} samples cannot be divided into {} partitions of {} classes",
                           NumRows(column), num_partitions, options.num_classes_per_partition);
  }
  Random random(options.seed);
  Partitions holders(classes.size());  // The partitions that have each class.
  for (std::size_t partition = 0; partition < num_partitions; ++partition) {
    for (const std::size_t i : ChooseClasses(options, partition, classes.size(), random)) {
      holders[i].push_back(partition);
    }
  }
  Partitions partitions(num_partitions);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (holders[i].empty()) continue;
    if (holders[i].size() > classes[i].size()) {
      return InvalidArgument(
          "{} partitions need samples of class {}, of which there are {}: take fewer partitions, "
          "fewer classes a partition, or the mode deterministic, which spreads classes evenly",
          holders[i].size(), internal::ValueText(column, classes[i].front()), classes[i].size());
    }
    const auto pieces = internal::Cut(classes[i], holders[i].size());
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      internal::Append(pieces[k], partitions[holders[i][k]]);
    }
  }
  if (options.shuffle) internal::ShuffleEach(partitions, random);
  return partitions;
}

/// How a dataset is cut into shards, and how many each partition gets.
struct Shards {
  std::size_t size = 0;
  std::size_t usable = 0;  ///< Shards to draw from.
  std::vector<std::size_t> per_partition;
};

StatusOr<Shards> PlanShards(const ShardPartitionerOptions& options, std::size_t num_rows) {
  const std::size_t num_partitions = options.num_partitions;
  Shards shards;
  if (options.num_shards_per_partition) {
    const std::size_t each = *options.num_shards_per_partition;
    const std::size_t rows_for_each = num_rows / num_partitions;
    if (each > rows_for_each || options.shard_size.value_or(1) > rows_for_each / each) {
      return InvalidArgument("{} samples cannot be divided into {} partitions of {} shards of {}",
                             num_rows, num_partitions, each, options.shard_size.value_or(1));
    }
    shards.size = options.shard_size.value_or(num_rows / (num_partitions * each));
    shards.per_partition.assign(num_partitions, each);
  } else {
    shards.size = *options.shard_size;
  }
  const bool keep_rest =
      options.keep_incomplete_shard && !(options.num_shards_per_partition && options.shard_size);
  const bool rest = num_rows % shards.size != 0;
  shards.usable = num_rows / shards.size + (keep_rest && rest ? 1 : 0);
  if (shards.usable < num_partitions) {
    return InvalidArgument(
        "{} samples make {} shards of {}, which leaves some of {} partitions empty: take a smaller "
        "shard_size or fewer partitions",
        num_rows, shards.usable, shards.size, num_partitions);
  }
  if (shards.per_partition.empty()) {
    shards.per_partition.assign(num_partitions, shards.usable / num_partitions);
    for (std::size_t i = 0; i < shards.usable % num_partitions; ++i) ++shards.per_partition[i];
  }
  return shards;
}

StatusOr<Partitions> DivideShards(const ShardPartitionerOptions& options,
                                  const ColumnView& column) {
  const std::size_t num_rows = NumRows(column);
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(options.num_partitions, num_rows));
  FLWRCPP_ASSIGN_OR_RETURN(const Shards shards, PlanShards(options, num_rows));
  FLWRCPP_ASSIGN_OR_RETURN(const Partitions classes, internal::FindClasses(column));
  std::vector<std::size_t> sorted;
  sorted.reserve(num_rows);
  for (const auto& rows : classes) internal::Append(rows, sorted);

  Random random(options.seed);
  std::vector<std::size_t> order = internal::Range(0, shards.usable);
  random.Shuffle(std::span(order));
  Partitions partitions(options.num_partitions);
  std::size_t next = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    for (std::size_t k = 0; k < shards.per_partition[i]; ++k, ++next) {
      const std::size_t start = order[next] * shards.size;
      const std::size_t size = std::min(shards.size, num_rows - start);
      internal::Append(std::span(sorted).subspan(start, size), partitions[i]);
    }
  }
  if (options.shuffle) internal::ShuffleEach(partitions, random);
  return partitions;
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakePathologicalPartitioner(
    const PathologicalPartitionerOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  if (options.num_classes_per_partition == 0) {
    return InvalidArgument("num_classes_per_partition is 0, expected 1 or more");
  }
  return internal::PartitionerOf(
      [options](const ColumnView& column) { return DividePathological(options, column); });
}

StatusOr<std::unique_ptr<Partitioner>> MakeShardPartitioner(
    const ShardPartitionerOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  if (options.num_shards_per_partition == std::size_t{0}) {
    return InvalidArgument("num_shards_per_partition is 0, expected 1 or more");
  }
  if (options.shard_size == std::size_t{0}) {
    return InvalidArgument("shard_size is 0, expected 1 or more");
  }
  if (!options.num_shards_per_partition && !options.shard_size) {
    return InvalidArgument("neither num_shards_per_partition nor shard_size is given");
  }
  return internal::PartitionerOf(
      [options](const ColumnView& column) { return DivideShards(options, column); });
}

}  // namespace flwrcpp::datasets
