// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/csv.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "datasets/file.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

/// Takes a CSV text apart, line by line.
class LineReader {
 public:
  LineReader(std::string_view text, const std::string& name, const CsvOptions& options)
      : rest_(text), name_(name), options_(options) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  /// The fields of the next line that is not empty; false at the end of the text. They are valid
  /// until the next call.
  StatusOr<bool> Next() {
    while (!rest_.empty() && IsLineEnd(rest_.front())) EndLine();
    if (rest_.empty()) return false;
    line_ = next_line_;
    size_ = 0;
    while (true) {
      if (size_ == options_.max_columns) {
        return MakeError(StatusCode::kResourceExhausted, "'{}', line {}: more than {} columns",
                         name_, line_, options_.max_columns);
      }
      if (size_ == fields_.size()) fields_.emplace_back();
      FLWRCPP_RETURN_IF_ERROR(ReadField(fields_[size_++]));
      if (rest_.empty()) return true;
      if (IsLineEnd(rest_.front())) {
        EndLine();
        return true;
      }
      rest_.remove_prefix(1);  // the delimiter
    }
  }

  std::span<const std::string> fields() const { return std::span(fields_).first(size_); }

  /// Where the line that was read last begins.
  std::size_t line() const { return line_; }

 private:
  static bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

  void EndLine() {
    rest_.remove_prefix(rest_.starts_with("\r\n") ? 2 : 1);
    ++next_line_;
  }

  /// Reads up to the delimiter, the end of the line or that of the text.
  Status ReadField(std::string& field) {
    field.clear();
    if (rest_.starts_with('"')) return ReadQuoted(field);
    const char ends[] = {options_.delimiter, '\n', '\r'};
    const std::size_t size =
        std::min(rest_.find_first_of(std::string_view(ends, sizeof(ends))), rest_.size());
    field = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return {};
  }

  Status ReadQuoted(std::string& field) {
    const std::size_t begin = next_line_;
    rest_.remove_prefix(1);
    while (true) {
      const std::size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) {
        return MakeError(StatusCode::kDataLoss, "'{}', line {}, column {}: the quote is not closed",
                         name_, begin, size_);
      }
      AddQuoted(rest_.substr(0, quote), field);
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    if (!rest_.empty() && !IsLineEnd(rest_.front()) && rest_.front() != options_.delimiter) {
      return MakeError(StatusCode::kDataLoss,
                       "'{}', line {}, column {}: text behind the closing quote; a quote inside "
                       "quotes is written twice",
                       name_, next_line_, size_);
    }
    return {};
  }

  void AddQuoted(std::string_view text, std::string& field) {
    field += text;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool first_of_two = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
      if (IsLineEnd(text[i]) && !first_of_two) ++next_line_;
    }
  }

  std::string_view rest_;
  const std::string& name_;
  const CsvOptions& options_;
  std::vector<std::string> fields_;  // Those of earlier lines keep their memory.
  std::size_t size_ = 0;
  std::size_t line_ = 0;
  std::size_t next_line_ = 1;
};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

/// The number that `text` is from its first to its last character.
template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  text = Trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsDigits(std::string_view text) {
  text = Trimmed(text);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsMissing(std::string_view text, const CsvOptions& options) {
  text = Trimmed(text);
  return text.empty() || std::find(options.missing_values.begin(), options.missing_values.end(),
                                   text) != options.missing_values.end();
}

/// What has been seen of a column, or what was asked for.
struct ColumnState {
  std::string name;
  std::optional<CsvType> wanted;
  bool has_missing = false;
  bool has_fraction = false;
  /// An integer that a double would round: no number, if the column is one of integers.
  bool has_large = false;
  bool has_text = false;
  bool has_value = false;

  void See(std::string_view field, const CsvOptions& options) {
    if (has_text || wanted) return;
    if (IsMissing(field, options)) {
      has_missing = true;
      return;
    }
    has_value = true;
    if (ParseNumber<std::int64_t>(field)) return;
    if (IsDigits(field)) {
      has_large = true;
    } else if (ParseNumber<double>(field)) {
      has_fraction = true;
    } else {
      has_text = true;
    }
  }

  CsvType type() const {
    if (wanted) return *wanted;
    if (has_text || (has_large && !has_fraction)) return CsvType::kString;
    return has_missing || has_fraction || !has_value ? CsvType::kDouble : CsvType::kInt64;
  }
};

Column MakeColumn(CsvType type) {
  switch (type) {
    case CsvType::kInt64:
      return std::vector<std::int64_t>();
    case CsvType::kDouble:
      return std::vector<double>();
    case CsvType::kString:
      break;
  }
  return std::vector<std::string>();
}

/// Appends `field`; false if it is not of the column's type.
bool AddField(const std::string& field, const CsvOptions& options, Column& column) {
  if (auto* const texts = std::get_if<std::vector<std::string>>(&column)) {
    texts->push_back(field);
    return true;
  }
  if (auto* const integers = std::get_if<std::vector<std::int64_t>>(&column)) {
    const auto value = ParseNumber<std::int64_t>(field);
    integers->push_back(value.value_or(0));
    return value.has_value();
  }
  auto value = ParseNumber<double>(field);
  if (!value && IsMissing(field, options)) value = std::numeric_limits<double>::quiet_NaN();
  std::get<std::vector<double>>(column).push_back(value.value_or(0));
  return value.has_value();
}

Status CheckOptions(const std::string& name, const CsvOptions& options) {
  const char delimiter = options.delimiter;
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r') {
    return InvalidArgument("'{}': a quote or a line end cannot delimit the fields of a CSV file",
                           name);
  }
  return {};
}

/// Names and wanted types, from the options and the first line.
StatusOr<std::vector<ColumnState>> MakeStates(std::span<const std::string> first_line,
                                              const std::string& name, const CsvOptions& options) {
  std::vector<ColumnState> states(first_line.size());
  if (!options.column_names.empty() && options.column_names.size() != states.size()) {
    return InvalidArgument("'{}' has {} columns, but {} names were given", name, states.size(),
                           options.column_names.size());
  }
  auto types = options.types;
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].name = !options.column_names.empty() ? options.column_names[i]
                     : options.has_header          ? first_line[i]
                                                   : std::to_string(i);
    if (const auto type = types.find(states[i].name); type != types.end()) {
      states[i].wanted = type->second;
      types.erase(type);
    }
  }
  if (!types.empty()) {
    return InvalidArgument("'{}' has no column '{}', for which a type was given", name,
                           types.begin()->first);
  }
  return states;
}

Status CheckFields(const LineReader& reader, const std::vector<ColumnState>& states,
                   const std::string& name) {
  if (reader.fields().size() == states.size()) return {};
  return MakeError(StatusCode::kDataLoss, "'{}', line {}: {} columns, expected {}", name,
                   reader.line(), reader.fields().size(), states.size());
}

/// Reads what the types of the columns follow from.
Status SeeTypes(std::string_view text, const std::string& name, const CsvOptions& options,
                std::vector<ColumnState>& states) {
  LineReader reader(text, name, options);
  for (bool first = true;; first = false) {
    FLWRCPP_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return {};
    if (first) {
      FLWRCPP_ASSIGN_OR_RETURN(states, MakeStates(reader.fields(), name, options));
      if (options.has_header) continue;
    }
    FLWRCPP_RETURN_IF_ERROR(CheckFields(reader, states, name));
    for (std::size_t i = 0; i < states.size(); ++i) states[i].See(reader.fields()[i], options);
  }
}

}  // namespace

StatusOr<Table> ParseCsv(std::string_view text, const std::string& name,
                         const CsvOptions& options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions(name, options));
  if (text.size() > options.max_bytes) {
    return MakeError(StatusCode::kResourceExhausted, "'{}' has {} bytes, more than {}", name,
                     text.size(), options.max_bytes);
  }
  // Twice over the text: columns are made with their type, and no field is kept as a text.
  std::vector<ColumnState> states;
  FLWRCPP_RETURN_IF_ERROR(SeeTypes(text, name, options, states));
  if (states.empty()) return MakeError(StatusCode::kDataLoss, "'{}' has no lines", name);
  std::vector<Table::NamedColumn> columns;
  columns.reserve(states.size());
  for (const ColumnState& state : states) {
    columns.push_back({state.name, MakeColumn(state.type())});
  }

  LineReader reader(text, name, options);
  if (options.has_header) FLWRCPP_RETURN_IF_ERROR(reader.Next().status());
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string& field = reader.fields()[i];
      if (AddField(field, options, columns[i].values)) continue;
      return MakeError(StatusCode::kDataLoss,
                       "'{}', line {}, column {} ('{}'): '{}' is no value of type {}", name,
                       reader.line(), i + 1, columns[i].name, field.substr(0, 40),
                       TypeName(columns[i].values));
    }
  }
  StatusOr<Table> table = Table::Make(std::move(columns));
  if (!table.ok())
    return internal::MakeError(StatusCode::kDataLoss, "'{}': {}", name,
                               std::string(table.status().message()));
  return table;
}

StatusOr<Table> ReadCsv(const std::string& path, const CsvOptions& options) {
  FLWRCPP_ASSIGN_OR_RETURN(internal::InputFile file, internal::OpenFile(path, options.max_bytes));
  std::string text(static_cast<std::size_t>(file.size), '\0');
  file.stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.stream) {
    return MakeError(StatusCode::kUnavailable, "'{}' cannot be read to its end", path);
  }
  return ParseCsv(text, path, options);
}

}  // namespace flwrcpp::datasets
