// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "flwrcpp/datasets/data_source.h"
#include "flwrcpp/datasets/partitioner.h"
#include "flwrcpp/datasets/preprocessor.h"
#include "flwrcpp/datasets/vertical_partitioners.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// How one split is divided: by one of two kinds of partitioners, which is required.
struct SplitPartitioner {
  /// Divides the rows.
  std::shared_ptr<const Partitioner> partitioner = nullptr;

  /// Column that the partitioner divides by. Empty: it gets zeros, for those that look at the
  /// number of rows only.
  std::string partition_by = "label";

  /// Divides the columns, in place of the rows.
  std::shared_ptr<const VerticalPartitioner> vertical_partitioner = nullptr;
};

struct FederatedDatasetOptions {
  /// The splits that are divided, by their names after `preprocessor`.
  std::map<std::string, SplitPartitioner> partitioners = {};

  /// Puts the rows of each split into another order, before `preprocessor`.
  bool shuffle = true;

  /// Seed of that order, the same for all splits. For one seed it is the order of flwr-datasets.
  /// Nothing: an order that nobody can know.
  std::optional<std::uint64_t> seed = 42;

  /// Makes other splits of those that the source has, e.g. `MakeDivider` or `MakeMerger`; nothing:
  /// they stay.
  Preprocessor preprocessor = nullptr;
};

/// A dataset with splits that are divided among nodes. (`flwr_datasets.FederatedDataset`)
///
/// Keeps the positions of the rows, not the rows: these are read when a partition is asked for.
/// For the same options and data it has the partitions that flwr-datasets has. Immutable,
/// thread-safe. Memory: some words for each row.
class FederatedDataset {
 public:
  /// Reads the columns to divide by, or the names of all columns, and divides.
  /// @return `kInvalidArgument` unless each split has one partitioner, and for a split that there
  ///   is not, `kNotFound` for a column to divide by that the split does not have, `kInternal` if
  ///   the preprocessor throws; or what source, preprocessor and partitioners say.
  static StatusOr<FederatedDataset> Make(std::shared_ptr<const DataSource> source,
                                         const FederatedDatasetOptions& options);

  /// The splits as they are divided: shuffled and preprocessed. It lives as long as the dataset.
  const DataSource& source() const { return *source_; }

  /// The rows of each partition of a split: positions in that split of `source()`. They live as
  /// long as the dataset.
  /// @return `kInvalidArgument` if the split is not divided, or its columns are.
  StatusOr<const Partitions*> FindPartitions(std::string_view split) const;

  /// The columns of each partition of a split whose columns are divided. They live as long as the
  /// dataset.
  /// @return `kInvalidArgument` if the split is not divided, or its rows are.
  StatusOr<const ColumnPartitions*> FindColumnPartitions(std::string_view split) const;

  /// Reads one partition of a split: some rows with all columns, or some columns of all rows. Those
  /// are in the same order in every partition, so that rows of two parties belong together. A
  /// partition without columns has no rows.
  /// @return `kInvalidArgument` if the split is not divided, `kOutOfRange` if there is no such
  ///   partition, or what the source says.
  StatusOr<Table> LoadPartition(std::size_t partition_id, std::string_view split) const;

  /// Reads one partition of the only split that is divided.
  /// @return as above; `kInvalidArgument` if several splits are divided.
  StatusOr<Table> LoadPartition(std::size_t partition_id) const;

  /// Reads a whole split, e.g. "test".
  StatusOr<Table> LoadSplit(std::string_view split) const;

 private:
  /// The rows or the columns of each partition.
  using Division = std::variant<Partitions, ColumnPartitions>;
  using Divisions = std::map<std::string, Division, std::less<>>;

  FederatedDataset(std::shared_ptr<const DataSource> source, Divisions divisions)
      : source_(std::move(source)), divisions_(std::move(divisions)) {}

  StatusOr<const Division*> Find(std::string_view split) const;

  std::shared_ptr<const DataSource> source_;
  Divisions divisions_;
};

/// Divides every partition of `split` by `fractions`, as `DivideDataset`, and joins the pieces
/// number `division_id` of all: e.g. a test set of what the nodes keep for tests.
/// (`flwr_datasets.utils.concatenate_divisions`)
/// @return as `DivisionSizes` and `FederatedDataset::FindPartitions`; `kInvalidArgument` if there
///   is no such piece, or all of them are empty.
StatusOr<Table> ConcatenateDivisions(const FederatedDataset& dataset, std::string_view split,
                                     const std::vector<double>& fractions, std::size_t division_id);

}  // namespace flwrcpp::datasets
