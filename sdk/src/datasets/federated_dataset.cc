// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/federated_dataset.h"

#include <fmt/ranges.h>

#include <numeric>
#include <type_traits>
#include <utility>

#include "datasets/resplit_source.h"
#include "datasets/shuffled_source.h"
#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

/// The rows of all splits, in their order.
StatusOr<Splits> SplitsOf(const DataSource& source) {
  Splits splits;
  const std::vector<std::string> names = source.splits();
  for (std::size_t split = 0; split < names.size(); ++split) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source.NumRows(names[split]));
    std::vector<SourceRow>& rows = splits[names[split]];
    rows.reserve(size);
    for (std::size_t row = 0; row < size; ++row) rows.push_back({split, row});
  }
  return splits;
}

StatusOr<Partitions> DivideRows(const DataSource& source, const std::string& split,
                                const SplitPartitioner& how) {
  if (how.partition_by.empty()) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source.NumRows(split));
    return how.partitioner->Partition(std::vector<std::uint8_t>(size));
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Column column, source.LoadColumn(split, how.partition_by));
  return std::visit(
      [&](const auto& values) -> StatusOr<Partitions> {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, ArrayColumn>) {
          return InvalidArgument(
              "column '{}' of the split '{}' holds arrays: a partitioner divides by numbers or "
              "texts",
              how.partition_by, split);
        } else {
          return how.partitioner->Partition(values);
        }
      },
      column);
}

StatusOr<ColumnPartitions> DivideColumns(const DataSource& source, const std::string& split,
                                         const VerticalPartitioner& partitioner) {
  // No rows: they only say what the columns are.
  FLWRCPP_ASSIGN_OR_RETURN(const Table table, source.LoadRows(split, {}));
  FLWRCPP_ASSIGN_OR_RETURN(ColumnPartitions partitions,
                           partitioner.Partition(table.column_names()));
  for (const std::vector<std::string>& names : partitions) {
    const Status status = table.SelectColumns(names).status();
    if (!status.ok()) {
      return InvalidArgument("the partitioner of '{}': {}", split, std::string(status.message()));
    }
  }
  return partitions;
}

/// @return `kInvalidArgument` for a position that the split does not have.
Status CheckPartitions(const Partitions& partitions, std::size_t size, const std::string& split) {
  for (const auto& partition : partitions) {
    for (const std::size_t row : partition) {
      if (row >= size) {
        return InvalidArgument("the partitioner of '{}' names row {} of {}", split, row, size);
      }
    }
  }
  return {};
}

}  // namespace

StatusOr<FederatedDataset> FederatedDataset::Make(std::shared_ptr<const DataSource> source,
                                                  const FederatedDatasetOptions& options) {
  if (options.shuffle) {
    source = internal::MakeShuffledSource(std::move(source), options.seed);
  }
  if (options.preprocessor) {
    FLWRCPP_ASSIGN_OR_RETURN(Splits splits, SplitsOf(*source));
    FLWRCPP_ASSIGN_OR_RETURN(splits, internal::CatchExceptions("the preprocessor", [&] {
                               return options.preprocessor(std::move(splits));
                             }));
    FLWRCPP_ASSIGN_OR_RETURN(source,
                             internal::MakeResplitSource(std::move(source), std::move(splits)));
  }
  Divisions divisions;
  for (const auto& [split, how] : options.partitioners) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source->NumRows(split));
    if (how.partitioner == nullptr && how.vertical_partitioner == nullptr) {
      return InvalidArgument("the split '{}' has no partitioner", split);
    }
    if (how.partitioner != nullptr && how.vertical_partitioner != nullptr) {
      return InvalidArgument("the split '{}' has two partitioners, one of rows and one of columns",
                             split);
    }
    if (how.vertical_partitioner != nullptr) {
      FLWRCPP_ASSIGN_OR_RETURN(divisions[split],
                               DivideColumns(*source, split, *how.vertical_partitioner));
      continue;
    }
    FLWRCPP_ASSIGN_OR_RETURN(Partitions partitions, DivideRows(*source, split, how));
    FLWRCPP_RETURN_IF_ERROR(CheckPartitions(partitions, size, split));
    divisions[split] = std::move(partitions);
  }
  return FederatedDataset(std::move(source), std::move(divisions));
}

StatusOr<const FederatedDataset::Division*> FederatedDataset::Find(std::string_view split) const {
  const auto found = divisions_.find(split);
  if (found != divisions_.end()) return &found->second;
  std::vector<std::string> names;
  for (const auto& [name, division] : divisions_) names.push_back(name);
  return InvalidArgument("the split '{}' is not divided; those that are: {}", split,
                         fmt::join(names, ", "));
}

StatusOr<const Partitions*> FederatedDataset::FindPartitions(std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const Division* const division, Find(split));
  if (const auto* const rows = std::get_if<Partitions>(division)) return rows;
  return InvalidArgument("the columns of the split '{}' are divided, not its rows", split);
}

StatusOr<const ColumnPartitions*> FederatedDataset::FindColumnPartitions(
    std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const Division* const division, Find(split));
  if (const auto* const columns = std::get_if<ColumnPartitions>(division)) return columns;
  return InvalidArgument("the rows of the split '{}' are divided, not its columns", split);
}

StatusOr<Table> FederatedDataset::LoadPartition(std::size_t partition_id,
                                                std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const Division* const division, Find(split));
  const std::size_t size = std::visit([](const auto& all) { return all.size(); }, *division);
  if (partition_id >= size) {
    return MakeError(StatusCode::kOutOfRange,
                     "there is no partition {}: the split '{}' has {} partitions", partition_id,
                     split, size);
  }
  if (const auto* const rows = std::get_if<Partitions>(division)) {
    return source_->LoadRows(split, (*rows)[partition_id]);
  }
  std::vector<Table::NamedColumn> columns;
  for (const std::string& name : std::get<ColumnPartitions>(*division)[partition_id]) {
    FLWRCPP_ASSIGN_OR_RETURN(Column column, source_->LoadColumn(split, name));
    columns.push_back({name, std::move(column)});
  }
  return Table::Make(std::move(columns));
}

StatusOr<Table> FederatedDataset::LoadPartition(std::size_t partition_id) const {
  if (divisions_.size() != 1) {
    return InvalidArgument("{} splits are divided: say which one the partition is of",
                           divisions_.size());
  }
  return LoadPartition(partition_id, divisions_.begin()->first);
}

StatusOr<Table> FederatedDataset::LoadSplit(std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source_->NumRows(split));
  std::vector<std::size_t> rows(size);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return source_->LoadRows(split, rows);
}

StatusOr<Table> ConcatenateDivisions(const FederatedDataset& dataset, std::string_view split,
                                     const std::vector<double>& fractions,
                                     std::size_t division_id) {
  if (division_id >= fractions.size()) {
    return InvalidArgument("there is no division {} of {}", division_id, fractions.size());
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Partitions* const partitions, dataset.FindPartitions(split));
  std::vector<std::size_t> rows;
  for (const auto& partition : *partitions) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::size_t> sizes,
                             DivisionSizes(partition.size(), fractions));
    const auto piece = sizes.begin() + static_cast<std::ptrdiff_t>(division_id);
    const auto first = partition.begin() + static_cast<std::ptrdiff_t>(std::accumulate(
                                               sizes.begin(), piece, std::size_t{0}));
    rows.insert(rows.end(), first, first + static_cast<std::ptrdiff_t>(*piece));
  }
  if (rows.empty()) {
    return InvalidArgument("division {} of all {} partitions is empty: take a larger fraction",
                           division_id, partitions->size());
  }
  return dataset.source().LoadRows(split, rows);
}

}  // namespace flwrcpp::datasets
