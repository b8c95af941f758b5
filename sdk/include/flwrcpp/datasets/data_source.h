// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Names of the splits, as flwr-datasets has them.
inline constexpr std::string_view kTrainSplit = "train";
inline constexpr std::string_view kTestSplit = "test";

/// A dataset in named splits that hands out single columns and chosen rows, so that a node need
/// not hold more than its own partition. Thread-safe.
class DataSource {
 public:
  virtual ~DataSource() = default;

  /// Names of the splits.
  virtual std::vector<std::string> splits() const = 0;

  /// Rows of a split.
  /// @return `kInvalidArgument` for an unknown split, or why the data cannot be read.
  virtual StatusOr<std::size_t> NumRows(std::string_view split) const = 0;

  /// One column of a split, e.g. the labels.
  /// @return as `NumRows`; `kNotFound` for an unknown column.
  virtual StatusOr<Column> LoadColumn(std::string_view split, std::string_view name) const = 0;

  /// The given rows of a split with all columns, in the order of `rows`.
  /// @return as `NumRows`; `kOutOfRange` for a row beyond the split.
  virtual StatusOr<Table> LoadRows(std::string_view split,
                                   std::span<const std::size_t> rows) const = 0;
};

/// Tables in memory as the splits of a dataset.
std::unique_ptr<DataSource> MakeTableSource(std::map<std::string, Table> splits);

}  // namespace flwrcpp::datasets
