// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// One row of a dataset: where it is before the preprocessor, in shuffled splits if the dataset
/// shuffles.
struct SourceRow {
  /// Position of the split in `DataSource::splits()`.
  std::size_t split = 0;
  std::size_t row = 0;
  friend auto operator<=>(const SourceRow&, const SourceRow&) = default;
};

/// The rows of each split, in their order.
using Splits = std::map<std::string, std::vector<SourceRow>, std::less<>>;

/// Makes other splits of those of a dataset: divides, merges, renames, leaves out rows. It sees
/// where rows are, not their values. It may throw: the dataset reports that as `kInternal`.
/// (`flwr_datasets.preprocessor.Preprocessor`)
using Preprocessor = std::function<StatusOr<Splits>(Splits)>;

/// A new split of `Divider`: exactly one of `fraction` and `samples` is above 0.
struct Division {
  std::string name;
  /// Share of the rows of the split that is divided, at most 1. The number of rows is rounded
  /// down.
  double fraction = 0;
  /// Number of rows.
  std::size_t samples = 0;
};

struct DividerOptions {
  /// The new splits that each split is divided into, from its first row on; rows behind the last
  /// new split are left out.
  std::map<std::string, std::vector<Division>> divide_config = {};

  /// Leaves out the splits that are not divided.
  bool drop_remaining_splits = false;
};

/// Divides splits into new ones. (`flwr_datasets.preprocessor.Divider`, with the configuration of
/// two levels)
/// @return `kInvalidArgument` for a fraction out of range, fractions that sum to more than 1,
///   fractions and sizes side by side in one split, or a name that comes up twice. The divider
///   returns it when a split is missing, has fewer rows than were asked for, a new split is
///   empty, or its name is that of a split which remains.
StatusOr<Preprocessor> MakeDivider(const DividerOptions& options);

/// Makes each split of `merge_config` of the named ones, one behind the other; splits that are not
/// named are left out. (`flwr_datasets.preprocessor.Merger`)
/// @return `kInvalidArgument` for a split made of none. The merger returns it for a split that
///   the dataset does not have.
StatusOr<Preprocessor> MakeMerger(
    const std::map<std::string, std::vector<std::string>>& merge_config);

/// How many of `num_rows` rows each fraction is: rounded down, so that rows may be left over.
/// @return `kInvalidArgument` if one is not above 0 and at most 1, or their sum is above 1.
StatusOr<std::vector<std::size_t>> DivisionSizes(std::size_t num_rows,
                                                 const std::vector<double>& fractions);

/// Cuts a table, e.g. a partition, into consecutive pieces, e.g. {0.6, 0.2, 0.2} for training,
/// validation and test. Copies the rows. (`flwr_datasets.utils.divide_dataset`)
/// @return as `DivisionSizes`.
StatusOr<std::vector<Table>> DivideDataset(const Table& table,
                                           const std::vector<double>& fractions);

}  // namespace flwrcpp::datasets
