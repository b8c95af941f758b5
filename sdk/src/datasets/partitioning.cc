// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/partitioning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

using datasets::ColumnView;
using datasets::Partitioner;
using datasets::Partitions;

class FunctionPartitioner final : public Partitioner {
 public:
  explicit FunctionPartitioner(std::function<StatusOr<Partitions>(const ColumnView&)> divide)
      : divide_(std::move(divide)) {}

  StatusOr<Partitions> Partition(const ColumnView& column) const override {
    return divide_(column);
  }

 private:
  std::function<StatusOr<Partitions>(const ColumnView&)> divide_;
};

}  // namespace

std::size_t NumRows(const ColumnView& column) {
  return std::visit([](const auto& values) { return values.size(); }, column);
}

std::unique_ptr<Partitioner> PartitionerOf(
    std::function<StatusOr<Partitions>(const ColumnView&)> divide) {
  return std::make_unique<FunctionPartitioner>(std::move(divide));
}

Status CheckNumPartitions(std::size_t num_partitions) {
  if (num_partitions > 0) return absl::OkStatus();
  return InvalidArgument("num_partitions is 0, expected 1 or more");
}

Status CheckRowsFor(std::size_t num_partitions, std::size_t num_rows) {
  if (num_partitions <= num_rows) return absl::OkStatus();
  return InvalidArgument("{} samples cannot be divided into {} partitions", num_rows,
                         num_partitions);
}

std::vector<std::size_t> Range(std::size_t first, std::size_t end) {
  std::vector<std::size_t> numbers(end - first);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

void Append(std::span<const std::size_t> rows, std::vector<std::size_t>& partition) {
  partition.insert(partition.end(), rows.begin(), rows.end());
}

std::vector<std::span<const std::size_t>> Cut(std::span<const std::size_t> rows,
                                              std::size_t pieces) {
  std::vector<std::span<const std::size_t>> cut(pieces);
  const std::size_t size = rows.size() / pieces;
  const std::size_t longer = rows.size() % pieces;
  for (std::size_t i = 0; i < pieces; ++i) {
    cut[i] = rows.first(size + (i < longer ? 1 : 0));
    rows = rows.subspan(cut[i].size());
  }
  return cut;
}

Partitions CutIntoPartitions(std::span<const std::size_t> rows, std::size_t pieces) {
  Partitions partitions;
  partitions.reserve(pieces);
  for (const auto piece : Cut(rows, pieces)) partitions.emplace_back(piece.begin(), piece.end());
  return partitions;
}

void ShuffleEach(Partitions& partitions, Random& random) {
  for (auto& partition : partitions) random.Shuffle(std::span(partition));
}

StatusOr<Partitions> FindClasses(const ColumnView& column) {
  const auto find = [&column](const auto& values) -> StatusOr<Partitions> {
    if constexpr (std::is_same_v<decltype(values), const std::span<const double>&>) {
      for (std::size_t row = 0; row < values.size(); ++row) {
        if (std::isnan(values[row])) {
          return InvalidArgument("row {} of the column to partition by is NaN", row);
        }
      }
    }
    std::vector<std::size_t> rows = Range(0, NumRows(column));
    const auto less = [&values](std::size_t a, std::size_t b) { return values[a] < values[b]; };
    std::stable_sort(rows.begin(), rows.end(), less);
    Partitions classes;
    for (const std::size_t row : rows) {
      if (classes.empty() || less(classes.back().front(), row)) classes.emplace_back();
      classes.back().push_back(row);
    }
    return classes;
  };
  return std::visit(find, column);
}

std::string ValueText(const ColumnView& column, std::size_t row) {
  return std::visit([row](const auto& values) { return fmt::format("{}", values[row]); }, column);
}

}  // namespace flwrcpp::internal

namespace flwrcpp::datasets {

std::vector<std::size_t> Permutation(std::size_t size, std::optional<std::uint64_t> seed) {
  std::vector<std::size_t> numbers = internal::Range(0, size);
  internal::Random(seed).Shuffle(std::span(numbers));
  return numbers;
}

}  // namespace flwrcpp::datasets
