// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/resplit_source.h"

#include <fmt/ranges.h>

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

using datasets::Column;
using datasets::SourceRow;
using datasets::Splits;
using datasets::Table;

class ResplitSource final : public datasets::DataSource {
 public:
  ResplitSource(std::shared_ptr<const DataSource> source, Splits splits)
      : source_(std::move(source)), source_splits_(source_->splits()), splits_(std::move(splits)) {}

  std::vector<std::string> splits() const override {
    std::vector<std::string> names;
    for (const auto& [name, rows] : splits_) names.push_back(name);
    return names;
  }

  StatusOr<std::size_t> NumRows(std::string_view split) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<SourceRow>* const rows, Find(split));
    return rows->size();
  }

  StatusOr<Column> LoadColumn(std::string_view split, std::string_view name) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<SourceRow>* const rows, Find(split));
    FLWRCPP_ASSIGN_OR_RETURN(
        Table table,
        Gather(*rows,
               [&](std::size_t from, const std::vector<std::size_t>& positions) -> StatusOr<Table> {
                 FLWRCPP_ASSIGN_OR_RETURN(const Column column,
                                          source_->LoadColumn(source_splits_[from], name));
                 return Table::Make({{std::string(name), SelectRows(column, positions)}});
               }));
    return std::move(std::move(table).TakeColumns().front().values);
  }

  StatusOr<Table> LoadRows(std::string_view split,
                           std::span<const std::size_t> rows) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<SourceRow>* const all, Find(split));
    std::vector<SourceRow> chosen;
    chosen.reserve(rows.size());
    for (const std::size_t row : rows) {
      if (row >= all->size()) {
        return MakeError(StatusCode::kOutOfRange,
                         "row {} was asked for, but the split '{}' has {} rows", row, split,
                         all->size());
      }
      chosen.push_back((*all)[row]);
    }
    return Gather(chosen, [&](std::size_t from, const std::vector<std::size_t>& positions) {
      return source_->LoadRows(source_splits_[from], positions);
    });
  }

 private:
  StatusOr<const std::vector<SourceRow>*> Find(std::string_view split) const {
    const auto found = splits_.find(split);
    if (found != splits_.end()) return &found->second;
    return InvalidArgument("there is no split '{}'; the splits are: {}", split,
                           fmt::join(splits(), ", "));
  }

  /// Loads `rows` from each split of the source that has some of them, and puts them in order.
  /// @param load gets the number of a split and positions in it.
  template <typename Load>
  StatusOr<Table> Gather(const std::vector<SourceRow>& rows, Load load) const {
    std::vector<std::vector<std::size_t>> positions(source_splits_.size());
    for (const SourceRow& row : rows) positions[row.split].push_back(row.row);
    std::vector<Table> parts;
    std::vector<std::size_t> begins(positions.size(), 0);  // Where a split's rows begin in the sum.
    std::size_t loaded = 0;
    for (std::size_t split = 0; split < positions.size(); ++split) {
      begins[split] = loaded;
      // Without rows it is still to say what the columns are.
      if (positions[split].empty() && !(rows.empty() && split == 0)) continue;
      FLWRCPP_ASSIGN_OR_RETURN(Table part, load(split, positions[split]));
      loaded += part.num_rows();
      parts.push_back(std::move(part));
    }
    if (parts.size() == 1) return std::move(parts.front());  // In their order already.
    FLWRCPP_ASSIGN_OR_RETURN(const Table joined, Table::Concatenate(std::move(parts)));
    std::vector<std::size_t> order;
    order.reserve(rows.size());
    for (const SourceRow& row : rows) order.push_back(begins[row.split]++);
    return joined.Select(order);
  }

  std::shared_ptr<const DataSource> source_;
  std::vector<std::string> source_splits_;
  Splits splits_;
};

}  // namespace

StatusOr<std::shared_ptr<const datasets::DataSource>> MakeResplitSource(
    std::shared_ptr<const datasets::DataSource> source, Splits splits) {
  const std::vector<std::string> names = source->splits();
  std::vector<std::size_t> sizes;
  for (const std::string& name : names) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t size, source->NumRows(name));
    sizes.push_back(size);
  }
  for (const auto& [name, rows] : splits) {
    for (const SourceRow& row : rows) {
      if (row.split >= sizes.size() || row.row >= sizes[row.split]) {
        return InvalidArgument("the split '{}' names row {} of split {}, which the source lacks",
                               name, row.row, row.split);
      }
    }
  }
  return std::make_shared<const ResplitSource>(std::move(source), std::move(splits));
}

}  // namespace flwrcpp::internal
