// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/records.h"

#include <cmath>
#include <limits>

#include "internal/errors.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

template <typename T>
std::string_view TypeName() {
  if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>) return "int";
  if constexpr (std::is_same_v<T, double>) return "float";
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, std::string>) return "str";
  if constexpr (std::is_same_v<T, ByteString>) return "bytes";
  return "list";
}

template <typename Value>
std::string_view TypeNameOf(const Value& value) {
  return std::visit([](const auto& held) { return TypeName<std::decay_t<decltype(held)>>(); },
                    value);
}

/// A scalar number as double; the error names key and type.
template <typename Map>
StatusOr<double> NumberOf(const Map& map, std::string_view key) {
  const auto* value = map.Find(key);
  if (value == nullptr) return MakeError(StatusCode::kNotFound, "no value named '{}'", key);
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(value)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<std::uint64_t>(value)) return static_cast<double>(*number);
  return InvalidArgument("value '{}' is a {}, expected a number", key, TypeNameOf(*value));
}

template <typename T>
StatusOr<T> ScalarOf(const ConfigRecord& record, std::string_view key) {
  const ConfigValue* value = record.Find(key);
  if (value == nullptr) return MakeError(StatusCode::kNotFound, "no value named '{}'", key);
  if (const T* held = std::get_if<T>(value)) return *held;
  return InvalidArgument("value '{}' is a {}, expected a {}", key, TypeNameOf(*value),
                         TypeName<T>());
}

template <typename T>
const T* RecordOf(const RecordDict& records, std::string_view key) {
  const Record* record = records.Find(key);
  return record == nullptr ? nullptr : std::get_if<T>(record);
}

}  // namespace

std::size_t ArrayRecord::data_size() const {
  std::size_t size = 0;
  for (const auto& [name, array] : *this) size += array.data_size();
  return size;
}

StatusOr<double> MetricRecord::GetDouble(std::string_view key) const {
  return NumberOf(*this, key);
}

StatusOr<double> ConfigRecord::GetDouble(std::string_view key) const {
  return NumberOf(*this, key);
}

StatusOr<std::int64_t> ConfigRecord::GetInt(std::string_view key) const {
  if (const ConfigValue* value = Find(key)) {
    if (const auto* number = std::get_if<std::int64_t>(value)) return *number;
  }
  const StatusOr<double> number = NumberOf(*this, key);
  if (!number.ok()) return number.status();
  constexpr double kLimit = 9007199254740992.0;  // 2^53: doubles count exactly up to here
  if (std::floor(*number) != *number || std::abs(*number) > kLimit) {
    return InvalidArgument("value '{}' is {}, expected a whole number", key, *number);
  }
  return static_cast<std::int64_t>(*number);
}

StatusOr<bool> ConfigRecord::GetBool(std::string_view key) const {
  return ScalarOf<bool>(*this, key);
}

StatusOr<std::string> ConfigRecord::GetString(std::string_view key) const {
  return ScalarOf<std::string>(*this, key);
}

const ArrayRecord* RecordDict::FindArrays(std::string_view key) const {
  return RecordOf<ArrayRecord>(*this, key);
}
const MetricRecord* RecordDict::FindMetrics(std::string_view key) const {
  return RecordOf<MetricRecord>(*this, key);
}
const ConfigRecord* RecordDict::FindConfig(std::string_view key) const {
  return RecordOf<ConfigRecord>(*this, key);
}

}  // namespace flwrcpp
