// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/vertical_partitioners.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "datasets/random.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;

using Names = std::vector<std::string>;

constexpr std::size_t kMaxPartitions = 1'000'000;

bool Contains(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status CheckColumns(const VerticalPartitionerOptions& options, std::span<const std::string> all) {
  for (const std::string& name : options.shared_columns) {
    if (!Contains(all, name)) {
      return InvalidArgument("shared column '{}' is not among the columns of the table", name);
    }
  }
  for (const std::string& name : options.active_party_columns) {
    if (!Contains(all, name)) {
      return InvalidArgument("active party column '{}' is not among the columns of the table",
                             name);
    }
  }
  return absl::OkStatus();
}

/// The columns to divide, in the order in which they are cut.
Names ColumnsToDivide(const VerticalPartitionerOptions& options, std::span<const std::string> all) {
  Names columns;
  for (const std::string& name : all) {
    if (Contains(options.drop_columns, name) || Contains(options.shared_columns, name) ||
        Contains(options.active_party_columns, name)) {
      continue;
    }
    columns.push_back(name);
  }
  if (options.shuffle) internal::Random(options.seed).Shuffle(std::span(columns));
  return columns;
}

/// Consecutive blocks of these sizes, as far as there are columns.
ColumnPartitions Blocks(std::span<const std::string> columns,
                        const std::vector<std::size_t>& sizes) {
  ColumnPartitions partitions;
  for (const std::size_t size : sizes) {
    const auto block = columns.first(std::min(size, columns.size()));
    partitions.emplace_back(block.begin(), block.end());
    columns = columns.subspan(block.size());
  }
  return partitions;
}

void Append(const Names& names, Names& partition) {
  partition.insert(partition.end(), names.begin(), names.end());
}

Status AddActivePartyColumns(const VerticalPartitionerOptions& options,
                             ColumnPartitions& partitions) {
  const Names& columns = options.active_party_columns;
  if (const auto* const number = std::get_if<std::size_t>(&options.active_party_columns_mode)) {
    if (*number >= partitions.size()) {
      return InvalidArgument("active_party_columns_mode is {}, but there are {} partitions",
                             *number, partitions.size());
    }
    Append(columns, partitions[*number]);
    return absl::OkStatus();
  }
  switch (std::get<ActivePartyColumnsMode>(options.active_party_columns_mode)) {
    case ActivePartyColumnsMode::kAddToFirst:
      Append(columns, partitions.front());
      break;
    case ActivePartyColumnsMode::kAddToLast:
      Append(columns, partitions.back());
      break;
    case ActivePartyColumnsMode::kCreateAsFirst:
      partitions.insert(partitions.begin(), columns);
      break;
    case ActivePartyColumnsMode::kCreateAsLast:
      partitions.push_back(columns);
      break;
    case ActivePartyColumnsMode::kAddToAll:
      for (Names& partition : partitions) Append(columns, partition);
      break;
  }
  return absl::OkStatus();
}

/// How many of `num_columns` each partition gets. Where they sum to less the rest is left out.
using SizesOf = std::function<StatusOr<std::vector<std::size_t>>(
    const VerticalPartitionerOptions& options, std::size_t num_columns, std::size_t num_all)>;

class ColumnDivider final : public VerticalPartitioner {
 public:
  ColumnDivider(VerticalPartitionerOptions options, SizesOf sizes)
      : options_(std::move(options)), sizes_(std::move(sizes)) {}

  StatusOr<ColumnPartitions> Partition(std::span<const std::string> column_names) const override {
    FLWRCPP_RETURN_IF_ERROR(CheckColumns(options_, column_names));
    const Names columns = ColumnsToDivide(options_, column_names);
    FLWRCPP_ASSIGN_OR_RETURN(const auto sizes,
                             sizes_(options_, columns.size(), column_names.size()));
    ColumnPartitions partitions = Blocks(columns, sizes);
    FLWRCPP_RETURN_IF_ERROR(AddActivePartyColumns(options_, partitions));
    for (Names& partition : partitions) Append(options_.shared_columns, partition);
    return partitions;
  }

 private:
  VerticalPartitionerOptions options_;
  SizesOf sizes_;
};

std::vector<std::size_t> EvenSizes(std::size_t num_columns, std::size_t num_partitions) {
  std::vector<std::size_t> sizes(num_partitions, num_columns / num_partitions);
  for (std::size_t i = 0; i < num_columns % num_partitions; ++i) ++sizes[i];
  return sizes;
}

StatusOr<std::vector<std::size_t>> GivenSizes(const std::vector<std::size_t>& sizes,
                                              const VerticalPartitionerOptions& options,
                                              std::size_t num_all) {
  // As in Flower every name counts, be there such a column or not.
  const std::size_t unused = options.active_party_columns.size() + options.shared_columns.size() +
                             options.drop_columns.size();
  std::size_t left = num_all - std::min(unused, num_all);
  const std::size_t to_divide = left;
  bool fits = unused <= num_all;
  for (const std::size_t size : sizes) {
    fits = fits && size <= left;
    left -= std::min(size, left);
  }
  if (fits && left == 0) return sizes;
  return InvalidArgument(
      "partition_sizes do not sum to the {} columns that are left of {} when {} are dropped, "
      "shared "
      "or the active party's",
      to_divide, num_all, unused);
}

std::vector<std::size_t> FractionSizes(const std::vector<double>& fractions,
                                       std::size_t num_columns) {
  std::vector<std::size_t> sizes;
  std::size_t left = num_columns;
  for (const double fraction : fractions) {
    const double size = std::floor(fraction * static_cast<double>(num_columns));
    sizes.push_back(std::min(static_cast<std::size_t>(size), left));
    left -= sizes.back();
  }
  sizes.back() += left;
  return sizes;
}

Status CheckFractions(const std::vector<double>& fractions) {
  constexpr double kTolerance = 0.01;
  for (const double fraction : fractions) {
    if (fraction >= 0 && fraction <= 1) continue;
    return InvalidArgument("partition_sizes has the fraction {}, expected 0 to 1", fraction);
  }
  const double sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
  if (sum > 1 - kTolerance && sum < 1 + kTolerance) return absl::OkStatus();
  return InvalidArgument("the fractions in partition_sizes sum to {}, expected 1", sum);
}

}  // namespace

StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalEvenPartitioner(
    VerticalEvenPartitionerOptions options) {
  const std::size_t num_partitions = options.num_partitions;
  if (num_partitions == 0 || num_partitions > kMaxPartitions) {
    return InvalidArgument("num_partitions is {}, expected 1 to {}", num_partitions,
                           kMaxPartitions);
  }
  return std::make_unique<ColumnDivider>(
      std::move(options),
      [num_partitions](const VerticalPartitionerOptions&, std::size_t num_columns, std::size_t) {
        return EvenSizes(num_columns, num_partitions);
      });
}

StatusOr<std::unique_ptr<VerticalPartitioner>> MakeVerticalSizePartitioner(
    VerticalSizePartitionerOptions options) {
  const auto partition_sizes = std::move(options.partition_sizes);
  if (std::visit([](const auto& sizes) { return sizes.empty(); }, partition_sizes)) {
    return InvalidArgument("partition_sizes is empty, expected one size or more");
  }
  if (const auto* const fractions = std::get_if<std::vector<double>>(&partition_sizes)) {
    FLWRCPP_RETURN_IF_ERROR(CheckFractions(*fractions));
    return std::make_unique<ColumnDivider>(
        std::move(options),
        [fractions = *fractions](const VerticalPartitionerOptions&, std::size_t num_columns,
                                 std::size_t) { return FractionSizes(fractions, num_columns); });
  }
  return std::make_unique<ColumnDivider>(
      std::move(options), [sizes = std::get<std::vector<std::size_t>>(partition_sizes)](
                              const VerticalPartitionerOptions& common, std::size_t,
                              std::size_t num_all) { return GivenSizes(sizes, common, num_all); });
}

}  // namespace flwrcpp::datasets
