// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Which columns each partition has: their names, in the order in which the partition lists them.
using ColumnPartitions = std::vector<std::vector<std::string>>;

/// Divides the columns of a table among the parties of a vertical federation, all of which have all
/// rows. As in flwr-datasets 0.6.1, and like a `Partitioner` the same division for the same seed.
/// Immutable, thread-safe.
class VerticalPartitioner {
 public:
  virtual ~VerticalPartitioner() = default;

  /// Divides the columns of these names, in the order of the table.
  /// @return at least one partition (a partition may have no columns), or `kInvalidArgument` saying
  ///   why these columns cannot be divided so.
  virtual StatusOr<ColumnPartitions> Partition(std::span<const std::string> column_names) const = 0;
};

/// Which partition has the columns of the active party.
enum class ActivePartyColumnsMode {
  kAddToFirst,     ///< "add_to_first"
  kAddToLast,      ///< "add_to_last"
  kCreateAsFirst,  ///< "create_as_first": a partition of their own, before all others.
  kCreateAsLast,   ///< "create_as_last": a partition of their own, behind all others.
  kAddToAll,       ///< "add_to_all"
};

/// What vertical partitioners have in common.
struct VerticalPartitionerOptions {
  /// Columns of the active party, typically the labels. Not divided.
  std::vector<std::string> active_party_columns;

  /// Where they go; a number: to the partition of this number.
  std::variant<ActivePartyColumnsMode, std::size_t> active_party_columns_mode =
      ActivePartyColumnsMode::kAddToLast;

  std::vector<std::string> drop_columns;    ///< Left out. Need not exist.
  std::vector<std::string> shared_columns;  ///< Not divided; behind the others in every partition.
  bool shuffle = true;                      ///< Draw an order for the columns before dividing.
  std::optional<std::uint64_t> seed = 42;   ///< Nothing: another order each time.
};

/// Settings of `MakeVerticalEvenPartitioner`.
struct VerticalEvenPartitionerOptions : VerticalPartitionerOptions {
  /// Required: 1 to 1,000,000; `kCreateAs…` makes one more.
  std::size_t num_partitions = 0;
};

/// Parts whose numbers of columns differ by one at most, the longer ones first.
/// (`flwr_datasets.partitioner.VerticalEvenPartitioner`)
///
/// `Partition` rejects shared and active party columns that there are not, and a number of the
/// active party's partition beyond the last.
/// @return `kInvalidArgument` for a number of partitions out of range.
StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalEvenPartitioner(
    VerticalEvenPartitionerOptions options);

/// Settings of `MakeVerticalSizePartitioner`.
struct VerticalSizePartitionerOptions : VerticalPartitionerOptions {
  /// Required: the columns of each partition, which sum to those that are divided; or the fraction
  /// of each, from 0 to 1, which sum to 1 (within 0.01). A fraction of columns is rounded down, the
  /// last partition has what is left. A size of 0 is an empty partition.
  std::variant<std::vector<std::size_t>, std::vector<double>> partition_sizes;
};

/// Parts of given sizes. (`flwr_datasets.partitioner.VerticalSizePartitioner`)
///
/// `Partition` rejects what `MakeVerticalEvenPartitioner` says, and sizes that sum to another
/// number than the columns less those that are dropped, shared or the active party's.
/// @return `kInvalidArgument` for no sizes, or fractions out of range.
StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalSizePartitioner(
    VerticalSizePartitionerOptions options);

}  // namespace flwrcpp::datasets
