// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"
#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// How often each label comes up in each partition.
struct LabelCounts {
  /// The labels as texts, in their order: numbers by size, texts by their bytes.
  std::vector<std::string> labels = {};
  /// A row for each partition, in it a number for each label.
  std::vector<std::vector<std::int64_t>> counts = {};
};

/// Which part of its partition each label is.
struct LabelFrequencies {
  std::vector<std::string> labels;
  /// A row for each partition, which sums to 1. NaN if the partition has no labels.
  std::vector<std::vector<double>> frequencies;
};

struct CountOptions {
  /// Names of the classes 0, 1, …, e.g. `ImageSource::class_names()`, to stand for the labels; a
  /// class that does not come up has counts of 0. Empty: the labels are those that the column has.
  std::vector<std::string> label_names = {};

  /// Counts the first partitions only; 0: all.
  std::size_t max_num_partitions = 0;
};

/// Counts the values of a column in each partition. (`flwr_datasets.metrics.compute_counts`)
///
/// The numbers are those of Flower, but not always the order of the labels: there it depends on
/// how often each comes up, here it is fixed. NaN is no label.
///
/// @param column values of the whole split, e.g. `dataset.source().LoadColumn("train", "label")`:
///   a label that no partition has is counted with 0.
/// @param partitions e.g. `dataset.FindPartitions("train")`.
/// @return `kInvalidArgument` for a column of arrays, more than 100,000 different labels, or a
/// label
///   without a name where names are given; `kOutOfRange` for a row that the column does not have.
StatusOr<LabelCounts> ComputeCounts(const Column& column, const Partitions& partitions,
                                    const CountOptions& options);

/// Divides the counts of each partition by their sum. (`flwr_datasets.metrics.compute_frequencies`)
LabelFrequencies ComputeFrequencies(const LabelCounts& counts);

}  // namespace flwrcpp::datasets
