// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/continuous_partitioner.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "datasets/pairwise_sum.h"
#include "datasets/partitioning.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::NumRows;

/// The column in the precision in which flwr-datasets computes.
StatusOr<std::vector<float>> Property(const ColumnView& column) {
  const auto convert = [](const auto& values) -> StatusOr<std::vector<float>> {
    std::vector<float> property;
    if constexpr (std::is_same_v<decltype(values), const std::span<const std::string>&>) {
      return InvalidArgument("the column to partition by has texts, expected numbers");
    } else {
      property.reserve(values.size());
      for (const auto value : values) property.push_back(static_cast<float>(value));
    }
    for (std::size_t row = 0; row < property.size(); ++row) {
      if (std::isfinite(property[row])) continue;
      return InvalidArgument("row {} of the column to partition by is {}, expected a finite number",
                             row, property[row]);
    }
    return property;
  };
  return std::visit(convert, column);
}

float Mean(const std::vector<float>& values) {
  const double sum = internal::PairwiseSum(std::span(values));
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

/// Brings the property to mean 0 and deviation 1.
Status Standardize(std::vector<float>& property) {
  constexpr float kLeastDeviation = 1e-6F;
  const float mean = Mean(property);
  std::vector<float> squares;
  squares.reserve(property.size());
  for (const float value : property) squares.push_back((value - mean) * (value - mean));
  const float deviation = std::sqrt(Mean(squares));
  if (!(deviation >= kLeastDeviation && std::isfinite(deviation))) {
    return InvalidArgument(
        "the column to partition by has the standard deviation {}, expected at least {}: take "
        "another column, or strictness 0",
        deviation, kLeastDeviation);
  }
  for (float& value : property) value = (value - mean) / deviation;
  return absl::OkStatus();
}

StatusOr<Partitions> DivideContinuous(const ContinuousPartitionerOptions& options,
                                      const ColumnView& column) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckRowsFor(options.num_partitions, NumRows(column)));
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<float> property, Property(column));
  if (options.strictness > 0) FLWRCPP_RETURN_IF_ERROR(Standardize(property));

  internal::Random random(options.seed);
  const auto strictness = static_cast<float>(options.strictness);
  std::vector<double> keys;
  keys.reserve(property.size());
  for (const float value : property) {
    const double noise = (1 - options.strictness) * random.Normal();
    keys.push_back(static_cast<double>(strictness * value) + noise);
  }
  std::vector<std::size_t> rows = internal::Range(0, keys.size());
  std::stable_sort(rows.begin(), rows.end(),
                   [&keys](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  Partitions partitions = internal::CutIntoPartitions(rows, options.num_partitions);
  if (options.shuffle) internal::ShuffleEach(partitions, random);
  return partitions;
}

}  // namespace

StatusOr<std::unique_ptr<Partitioner>> MakeContinuousPartitioner(
    const ContinuousPartitionerOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(internal::CheckNumPartitions(options.num_partitions));
  if (!(options.strictness >= 0 && options.strictness <= 1)) {
    return InvalidArgument("strictness is {}, expected 0 to 1", options.strictness);
  }
  return internal::PartitionerOf(
      [options](const ColumnView& column) { return DivideContinuous(options, column); });
}

}  // namespace flwrcpp::datasets
