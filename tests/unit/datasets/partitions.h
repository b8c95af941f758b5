// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/partitioner.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {

/// `size` rows whose classes take turns.
inline std::vector<std::uint8_t> Labels(std::size_t size, std::size_t classes = 10) {
  std::vector<std::uint8_t> labels(size);
  for (std::size_t i = 0; i < size; ++i) labels[i] = static_cast<std::uint8_t>(i % classes);
  return labels;
}

/// The 60,000 labels of Fashion-MNIST, or as many that take turns where it is not installed.
inline const std::vector<std::uint8_t>& RealLabels() {
  static const std::vector<std::uint8_t> labels = [] {
    const auto source = MakeFashionMnist(std::string(kFashionMnistDirectory));
    const auto read = source->LoadLabels(kTrainSplit);
    return read.ok() ? *read : Labels(60000);
  }();
  return labels;
}

using MaybePartitioner = StatusOr<std::unique_ptr<Partitioner>>;

inline Partitions Divide(const MaybePartitioner& partitioner, const ColumnView& column) {
  EXPECT_THAT(partitioner, testing::IsOk());
  if (!partitioner.ok()) return {};
  StatusOr<Partitions> partitions = (*partitioner)->Partition(column);
  EXPECT_THAT(partitions, testing::IsOk());
  return partitions.ok() ? *std::move(partitions) : Partitions();
}

inline std::vector<std::size_t> Sorted(const Partitions& partitions) {
  std::vector<std::size_t> all;
  for (const auto& rows : partitions) all.insert(all.end(), rows.begin(), rows.end());
  std::sort(all.begin(), all.end());
  return all;
}

inline std::vector<double> ClassShares(const std::vector<std::size_t>& rows,
                                       const std::vector<std::uint8_t>& labels) {
  std::vector<double> shares(10);
  for (const std::size_t row : rows) shares[labels[row]] += 1 / static_cast<double>(rows.size());
  return shares;
}

inline std::size_t NumClasses(const std::vector<std::size_t>& rows,
                              const std::vector<std::uint8_t>& labels) {
  std::set<int> classes;
  for (const std::size_t row : rows) classes.insert(labels[row]);
  return classes.size();
}

}  // namespace flwrcpp::datasets
