// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/natural_id_partitioners.h"

#include <algorithm>
#include <utility>

#include "datasets/partitioning.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;

/// The rows of each natural id.
StatusOr<Partitions> FindIds(const ColumnView& column) {
  if (internal::NumRows(column) == 0) {
    return InvalidArgument("there are no samples to divide by their natural ids");
  }
  return internal::FindClasses(column);
}

/// How many ids each group has.
StatusOr<std::vector<std::size_t>> GroupSizes(const GroupedNaturalIdPartitionerOptions& options,
                                              std::size_t num_ids) {
  const std::size_t size = options.group_size;
  const std::size_t rest = num_ids % size;
  if (options.mode != GroupMode::kAllowSmaller && size > num_ids) {
    return InvalidArgument("group_size is {}, but there are {} natural ids", size, num_ids);
  }
  std::vector<std::size_t> sizes(num_ids / size, size);
  switch (options.mode) {
    case GroupMode::kAllowSmaller:
      if (rest > 0) sizes.push_back(rest);
      break;
    case GroupMode::kAllowBigger:
      for (std::size_t i = 0; i < rest; ++i) ++sizes[i % sizes.size()];
      break;
    case GroupMode::kDropReminder:
      break;
    case GroupMode::kStrict:
      if (rest > 0) {
        return InvalidArgument("{} natural ids make no groups of {} (mode strict): {} are left",
                               num_ids, size, rest);
      }
      break;
  }
  return sizes;
}

StatusOr<Partitions> DivideIntoGroups(const GroupedNaturalIdPartitionerOptions& options,
                                      const ColumnView& column) {
  FLWRCPP_ASSIGN_OR_RETURN(Partitions ids, FindIds(column));
  FLWRCPP_ASSIGN_OR_RETURN(const auto sizes, GroupSizes(options, ids.size()));
  if (!options.sort_unique_ids) {
    std::sort(ids.begin(), ids.end(),
              [](const auto& a, const auto& b) { return a.front() < b.front(); });
  }
  Partitions partitions(sizes.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (std::size_t k = 0; k < sizes[i]; ++k) internal::Append(ids[next++], partitions[i]);
  }
  return partitions;
}

}  // namespace

std::unique_ptr<Partitioner> MakeNaturalIdPartitioner() { return internal::PartitionerOf(FindIds); }

StatusOr<std::unique_ptr<Partitioner>> MakeGroupedNaturalIdPartitioner(
    const GroupedNaturalIdPartitionerOptions& options) {
  if (options.group_size == 0) return InvalidArgument("group_size is 0, expected 1 or more");
  return internal::PartitionerOf(
      [options](const ColumnView& column) { return DivideIntoGroups(options, column); });
}

}  // namespace flwrcpp::datasets
