// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "flwrcpp/datasets/partitioner.h"

namespace flwrcpp::datasets {

/// One partition for each distinct value of the column, e.g. a writer or a hospital, in the order
/// of the values. (`flwr_datasets.partitioner.NaturalIdPartitioner`)
///
/// The natural id of partition p is the column's value at any of its rows.
/// `Partition` rejects a column without rows.
std::unique_ptr<Partitioner> MakeNaturalIdPartitioner();

/// What becomes of natural ids that make no whole group.
enum class GroupMode {
  kAllowSmaller,  ///< "allow-smaller": a last, smaller group of them.
  kAllowBigger,   ///< "allow-bigger": they go to the first groups, evenly.
  kDropReminder,  ///< "drop-reminder": they are left out.
  kStrict,        ///< "strict": an error.
};

/// Settings of `MakeGroupedNaturalIdPartitioner`.
struct GroupedNaturalIdPartitionerOptions {
  std::size_t group_size = 0;  ///< Required: natural ids in a partition, at least 1.
  GroupMode mode = GroupMode::kAllowSmaller;

  /// Group natural ids in the order of their values, not of their first rows. (In flwr-datasets, of
  /// their first rows before the dataset was shuffled: sort where nodes of both meet.)
  bool sort_unique_ids = false;
};

/// One partition for each group of natural ids, e.g. a clinic with its doctors. A partition lists
/// the rows of its first id, then those of the next.
/// (`flwr_datasets.partitioner.GroupedNaturalIdPartitioner`)
///
/// `Partition` rejects a group larger than the number of ids unless groups may be smaller.
/// @return `kInvalidArgument` for groups of size 0.
StatusOr<std::unique_ptr<Partitioner>> MakeGroupedNaturalIdPartitioner(
    const GroupedNaturalIdPartitionerOptions& options);

}  // namespace flwrcpp::datasets
