// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datasets/random.h"
#include "flwrcpp/datasets/partitioner.h"

// What partitioners have in common.

namespace flwrcpp::internal {

std::size_t NumRows(const datasets::ColumnView& column);

/// A partitioner that is one function, which may be called from several threads.
std::unique_ptr<datasets::Partitioner> PartitionerOf(
    std::function<StatusOr<datasets::Partitions>(const datasets::ColumnView&)> divide);

/// @return `kInvalidArgument` for 0.
Status CheckNumPartitions(std::size_t num_partitions);

/// @return `kInvalidArgument` if there are fewer rows than partitions.
Status CheckRowsFor(std::size_t num_partitions, std::size_t num_rows);

/// The numbers from `first` to `end - 1`.
std::vector<std::size_t> Range(std::size_t first, std::size_t end);

/// Appends rows to a partition.
void Append(std::span<const std::size_t> rows, std::vector<std::size_t>& partition);

/// Cuts `rows` into pieces whose sizes differ by one at most, the longer ones first.
std::vector<std::span<const std::size_t>> Cut(std::span<const std::size_t> rows,
                                              std::size_t pieces);

/// The same, as partitions.
datasets::Partitions CutIntoPartitions(std::span<const std::size_t> rows, std::size_t pieces);

/// Draws an order for the rows of each partition, one partition after the other.
void ShuffleEach(datasets::Partitions& partitions, Random& random);

/// The rows of each distinct value of a column in their order; the values in theirs.
/// @return `kInvalidArgument` for NaN.
StatusOr<datasets::Partitions> FindClasses(const datasets::ColumnView& column);

/// The value of a row, for messages.
std::string ValueText(const datasets::ColumnView& column, std::size_t row);

}  // namespace flwrcpp::internal
