// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "flwrcpp/datasets/column_view.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Which rows each partition has: positions in the split, in the order in which the partition
/// lists them. No row is in two partitions; some partitioners leave rows out.
using Partitions = std::vector<std::vector<std::size_t>>;

/// Divides the rows of a dataset among the nodes of a federation. (`flwr_datasets.partitioner`)
///
/// The partitioners have the names, parameters, defaults and errors of flwr-datasets 0.6.1, where
/// each is a class and here a `Make…` function with a struct of options. What `partition_by` names
/// there is the column that `Partition` is given. And they divide as flwr-datasets does: the same
/// rows in the same order for the same seed, so that C++ and Python nodes of one federation never
/// share a row. What differs from flwr-datasets on purpose:
///
/// - More partitions than rows are always an error; there some come out empty.
/// - NaN in a column is an error.
/// - Nothing is printed where flwr-datasets warns.
///
/// Where chance has a part it comes from NumPy's generator (`numpy.random.default_rng`), written
/// anew. Whole numbers and orders drawn are the same on every platform. A partitioner that draws
/// real numbers (Dirichlet, InnerDirichlet, Continuous) says so: these go through the platform's
/// exp, log and pow and may differ in their last digits, which moves a row only if it lies that
/// close to a boundary.
///
/// Immutable, thread-safe. Memory: some words for each row while `Partition` runs.
class Partitioner {
 public:
  virtual ~Partitioner() = default;

  /// Divides the rows that have these values in the column to partition by.
  /// @return at least one partition, or `kInvalidArgument` saying why the column cannot be divided
  ///   so.
  virtual StatusOr<Partitions> Partition(const ColumnView& column) const = 0;
};

/// The numbers from 0 to `size - 1` in an order drawn with `seed` (nothing: an order that nobody
/// can know), the same on every platform: `numpy.random.default_rng(seed).permutation(size)`.
/// `datasets.Dataset.shuffle(seed)` of Python puts rows in this order.
std::vector<std::size_t> Permutation(std::size_t size, std::optional<std::uint64_t> seed);

}  // namespace flwrcpp::datasets
