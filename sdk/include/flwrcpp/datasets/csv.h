// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// What a column of a CSV file is read as.
enum class CsvType { kInt64, kDouble, kString };

struct CsvOptions {
  char delimiter = ',';

  /// Whether the first line names the columns. Without names in the file and in `column_names`
  /// the columns are called "0", "1", …
  bool has_header = true;

  /// Names of the columns, one for each; empty: as the file has them.
  std::vector<std::string> column_names = {};

  /// Types of single columns, by name; the type of every other column follows from its values.
  /// Numbers with leading zeros that are names (postcodes, ids) are to be given as `kString`.
  std::map<std::string, CsvType> types = {};

  /// What stands for a missing number, beside an empty field. A text keeps these words: "NA" may
  /// be a name.
  std::vector<std::string> missing_values = {"NA", "N/A", "NaN", "nan", "null", "NULL"};

  /// Longest file, and most columns, that are read.
  std::size_t max_bytes = std::size_t{1} << 30;
  std::size_t max_columns = 10'000;
};

/// Reads a CSV file (RFC 4180): fields in double quotes may hold delimiters, line ends and,
/// doubled, quotes; lines end in LF, CRLF or CR; a byte order mark and empty lines are passed over.
///
/// A column whose values are all integers of 64 bits is one of `std::int64_t`; with other numbers
/// or missing ones among them it is one of `double` (a missing one is NaN); every other column is
/// one of texts. Columns in which nothing is given are `double`. Spaces around a number do not
/// count. The file is held in memory while it is read, beside the table.
///
/// @return the table; `kNotFound` or `kUnavailable` for a file that cannot be read;
///   `kResourceExhausted` for one above `max_bytes` or `max_columns`; `kDataLoss` naming file, line
///   and column for a line with too many or too few fields, a quote that is not closed, text
///   behind a closing quote, or a value that is not of the type asked for; `kInvalidArgument` for
///   options that contradict themselves or the file.
StatusOr<Table> ReadCsv(const std::string& path, const CsvOptions& options);

/// As `ReadCsv`, from `text` in memory; `name` stands for the file in errors.
StatusOr<Table> ParseCsv(std::string_view text, const std::string& name, const CsvOptions& options);

}  // namespace flwrcpp::datasets
