// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <type_traits>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

template <typename T>
std::vector<T> Pick(const std::vector<T>& values, std::span<const std::size_t> rows,
                    std::size_t row_size) {
  std::vector<T> picked;
  picked.reserve(rows.size() * row_size);
  for (const std::size_t row : rows) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * row_size);
    picked.insert(picked.end(), first, first + static_cast<std::ptrdiff_t>(row_size));
  }
  return picked;
}

/// Appends `more`, which has the same type and shape.
void Append(Column& column, Column more) {
  const auto append = [](auto& values, auto& added) {
    values.insert(values.end(), std::make_move_iterator(added.begin()),
                  std::make_move_iterator(added.end()));
  };
  std::visit(
      [&](auto& values) {
        auto& added = std::get<std::remove_reference_t<decltype(values)>>(more);
        if constexpr (std::is_same_v<std::remove_reference_t<decltype(values)>, ArrayColumn>) {
          std::visit(
              [&](auto& elements) {
                append(elements,
                       std::get<std::remove_reference_t<decltype(elements)>>(added.values));
              },
              values.values);
        } else {
          append(values, added);
        }
      },
      column);
}

bool SameType(const Column& a, const Column& b) {
  if (a.index() != b.index()) return false;
  const auto* const array = std::get_if<ArrayColumn>(&a);
  if (array == nullptr) return true;
  const auto& other = std::get<ArrayColumn>(b);
  return array->row_shape == other.row_shape && array->values.index() == other.values.index();
}

/// @return `kInvalidArgument` for an array column that is no whole number of rows.
Status CheckArray(const std::string& name, const Column& column) {
  const auto* const array = std::get_if<ArrayColumn>(&column);
  if (array == nullptr) return {};
  const std::size_t row_size = array->row_size();
  const std::size_t size =
      std::visit([](const auto& elements) { return elements.size(); }, array->values);
  if (array->row_shape.empty() || row_size == 0 || size % row_size != 0) {
    return InvalidArgument(
        "column '{}' has {} elements, which are no whole number of rows of shape ({})", name, size,
        fmt::join(array->row_shape, ", "));
  }
  return {};
}

}  // namespace

std::size_t ArrayColumn::row_size() const {
  return std::accumulate(row_shape.begin(), row_shape.end(), std::size_t{1}, std::multiplies<>());
}

std::size_t NumRows(const Column& column) {
  if (const auto* const array = std::get_if<ArrayColumn>(&column)) {
    const std::size_t row_size = array->row_size();
    const std::size_t size =
        std::visit([](const auto& elements) { return elements.size(); }, array->values);
    return row_size == 0 ? 0 : size / row_size;
  }
  return std::visit(
      [](const auto& values) -> std::size_t {
        if constexpr (requires { values.size(); }) return values.size();
        return 0;
      },
      column);
}

Column SelectRows(const Column& column, std::span<const std::size_t> rows) {
  return std::visit(
      [rows](const auto& values) -> Column {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, ArrayColumn>) {
          const std::size_t row_size = values.row_size();
          return ArrayColumn{values.row_shape,
                             std::visit(
                                 [&](const auto& elements) {
                                   return ArrayColumn::Values(Pick(elements, rows, row_size));
                                 },
                                 values.values)};
        } else {
          return Pick(values, rows, 1);
        }
      },
      column);
}

std::string_view TypeName(const Column& column) {
  constexpr std::string_view kNames[] = {"int64", "double", "string", "array"};
  return kNames[column.index()];
}

StatusOr<Table> Table::Make(std::vector<NamedColumn> columns) {
  std::set<std::string_view> names;
  for (const NamedColumn& column : columns) {
    FLWRCPP_RETURN_IF_ERROR(CheckArray(column.name, column.values));
    if (!names.insert(column.name).second) {
      return InvalidArgument("there are two columns called '{}'", column.name);
    }
    const std::size_t rows = NumRows(columns.front().values);
    if (NumRows(column.values) != rows) {
      return InvalidArgument("column '{}' has {} rows, but column '{}' has {}", column.name,
                             NumRows(column.values), columns.front().name, rows);
    }
  }
  Table table;
  if (!columns.empty()) table.num_rows_ = NumRows(columns.front().values);
  table.columns_ = std::move(columns);
  return table;
}

std::vector<std::string> Table::column_names() const {
  std::vector<std::string> names;
  for (const NamedColumn& column : columns_) names.push_back(column.name);
  return names;
}

StatusOr<const Column*> Table::Find(std::string_view name) const {
  for (const NamedColumn& column : columns_) {
    if (column.name == name) return &column.values;
  }
  return MakeError(StatusCode::kNotFound, "there is no column '{}'; the columns are: {}", name,
                   fmt::join(column_names(), ", "));
}

template <typename T>
StatusOr<std::span<const T>> Table::Get(std::string_view name) const {
  FLWRCPP_ASSIGN_OR_RETURN(const Column* const column, Find(name));
  const auto* const values = std::get_if<std::vector<T>>(column);
  if (values == nullptr) {
    return InvalidArgument("column '{}' holds values of type {}, expected {}", name,
                           TypeName(*column), TypeName(Column(std::vector<T>())));
  }
  return std::span<const T>(*values);
}

template StatusOr<std::span<const std::int64_t>> Table::Get(std::string_view) const;
template StatusOr<std::span<const double>> Table::Get(std::string_view) const;
template StatusOr<std::span<const std::string>> Table::Get(std::string_view) const;

StatusOr<Table> Table::Select(std::span<const std::size_t> rows) const {
  for (const std::size_t row : rows) {
    if (row >= num_rows_) {
      return MakeError(StatusCode::kOutOfRange, "there is no row {}: the table has {} rows", row,
                       num_rows_);
    }
  }
  Table table;
  table.num_rows_ = rows.size();
  for (const NamedColumn& column : columns_) {
    table.columns_.push_back({column.name, SelectRows(column.values, rows)});
  }
  return table;
}

StatusOr<Table> Table::SelectColumns(std::span<const std::string> names) const {
  std::vector<NamedColumn> columns;
  for (const std::string& name : names) {
    FLWRCPP_ASSIGN_OR_RETURN(const Column* const column, Find(name));
    columns.push_back({name, *column});
  }
  return Make(std::move(columns));
}

StatusOr<Table> Table::Concatenate(std::vector<Table> tables) {
  if (tables.empty()) return Table();
  Table all = std::move(tables.front());
  for (std::size_t i = 1; i < tables.size(); ++i) {
    const bool same =
        std::equal(all.columns_.begin(), all.columns_.end(), tables[i].columns_.begin(),
                   tables[i].columns_.end(), [](const NamedColumn& a, const NamedColumn& b) {
                     return a.name == b.name && SameType(a.values, b.values);
                   });
    if (!same) {
      return InvalidArgument(
          "tables with columns ({}) and ({}) cannot be joined: names, types and order must agree",
          fmt::join(all.column_names(), ", "), fmt::join(tables[i].column_names(), ", "));
    }
    for (std::size_t j = 0; j < all.columns_.size(); ++j) {
      Append(all.columns_[j].values, std::move(tables[i].columns_[j].values));
    }
    all.num_rows_ += tables[i].num_rows_;
  }
  return all;
}

std::vector<Table::NamedColumn> Table::TakeColumns() && {
  num_rows_ = 0;
  return std::exchange(columns_, {});
}

}  // namespace flwrcpp::datasets
