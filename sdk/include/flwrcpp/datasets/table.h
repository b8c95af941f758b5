// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// One array for each row, all of one shape and element type, e.g. images.
struct ArrayColumn {
  /// The elements, row by row in C order.
  using Values =
      std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                   std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                   std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<float>,
                   std::vector<double>>;

  /// Shape of one row's array, e.g. {28, 28}: at least one dimension, none of them 0.
  std::vector<std::size_t> row_shape;
  Values values;

  /// Elements of one row.
  std::size_t row_size() const;
  friend bool operator==(const ArrayColumn&, const ArrayColumn&) = default;
};

/// A value for each row: integers (class labels, ids), real numbers, texts, or arrays. The first
/// three are what a partitioner can divide by.
///
/// A missing value is NaN among real numbers and an empty text among texts; among integers there
/// is none: integers of which one is missing are real numbers.
using Column = std::variant<std::vector<std::int64_t>, std::vector<double>,
                            std::vector<std::string>, ArrayColumn>;

/// Rows of a column.
std::size_t NumRows(const Column& column);

/// The values of `rows`, in their order; each row is below `NumRows(column)`.
Column SelectRows(const Column& column, std::span<const std::size_t> rows);

/// What a column holds, in the words of error messages: "int64", "double", "string" or "array".
std::string_view TypeName(const Column& column);

/// Rows with named, typed columns: what `datasets.Dataset` is in Python, held in memory.
///
/// A value: copies copy the data. Reading from several threads is safe.
class Table {
 public:
  struct NamedColumn {
    std::string name;
    Column values;
    friend bool operator==(const NamedColumn&, const NamedColumn&) = default;
  };

  /// No columns, no rows.
  Table() = default;

  /// @return `kInvalidArgument` if columns differ in their number of rows, two have one name, or
  ///   the values of an array column are no whole number of rows.
  static StatusOr<Table> Make(std::vector<NamedColumn> columns);

  std::size_t num_rows() const { return num_rows_; }
  const std::vector<NamedColumn>& columns() const { return columns_; }
  std::vector<std::string> column_names() const;

  /// The column called `name`; it lives as long as the table.
  /// @return `kNotFound` naming the columns that there are.
  StatusOr<const Column*> Find(std::string_view name) const;

  /// The values of a column of type `T`: `std::int64_t`, `double`, `std::string`. They live as
  /// long as the table.
  /// @return `kNotFound` as `Find`, `kInvalidArgument` if the column has another type.
  template <typename T>
  StatusOr<std::span<const T>> Get(std::string_view name) const;

  /// The given rows, in their order; a row may come up more than once.
  /// @return `kOutOfRange` for a row that there is not.
  StatusOr<Table> Select(std::span<const std::size_t> rows) const;

  /// The columns of these names, in the order of `names`.
  /// @return `kNotFound` as `Find`, `kInvalidArgument` if a name comes up twice.
  StatusOr<Table> SelectColumns(std::span<const std::string> names) const;

  /// The rows of all `tables`, one table after the other.
  /// @return `kInvalidArgument` if they differ in the names, order or types of their columns.
  static StatusOr<Table> Concatenate(std::vector<Table> tables);

  /// The columns, moved out of a table that is no longer needed.
  std::vector<NamedColumn> TakeColumns() &&;

  friend bool operator==(const Table&, const Table&) = default;

 private:
  std::vector<NamedColumn> columns_;
  std::size_t num_rows_ = 0;
};

}  // namespace flwrcpp::datasets
