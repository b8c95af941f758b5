// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <utility>

#include "flwrcpp/datasets/data_source.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

class TableSource final : public DataSource {
 public:
  explicit TableSource(std::map<std::string, Table> splits) {
    for (auto& [name, table] : splits) splits_.emplace(name, std::move(table));
  }

  std::vector<std::string> splits() const override {
    std::vector<std::string> names;
    for (const auto& [name, table] : splits_) names.push_back(name);
    return names;
  }

  StatusOr<std::size_t> NumRows(std::string_view split) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const Table* const table, Find(split));
    return table->num_rows();
  }

  StatusOr<Column> LoadColumn(std::string_view split, std::string_view name) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const Table* const table, Find(split));
    FLWRCPP_ASSIGN_OR_RETURN(const Column* const column, table->Find(name));
    return *column;
  }

  StatusOr<Table> LoadRows(std::string_view split,
                           std::span<const std::size_t> rows) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const Table* const table, Find(split));
    return table->Select(rows);
  }

 private:
  StatusOr<const Table*> Find(std::string_view split) const {
    const auto found = splits_.find(split);
    if (found != splits_.end()) return &found->second;
    return internal::InvalidArgument("there is no split '{}'; the splits are: {}", split,
                                     fmt::join(splits(), ", "));
  }

  std::map<std::string, Table, std::less<>> splits_;
};

}  // namespace

std::unique_ptr<DataSource> MakeTableSource(std::map<std::string, Table> splits) {
  return std::make_unique<TableSource>(std::move(splits));
}

}  // namespace flwrcpp::datasets
