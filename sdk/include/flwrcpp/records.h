// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "flwrcpp/array.h"
#include "flwrcpp/ordered_map.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// Named arrays in order: a model's parameters. (`flwr.app.ArrayRecord`)
class ArrayRecord : public OrderedMap<Array> {
 public:
  using OrderedMap::OrderedMap;

  /// Bytes of all arrays' data together.
  std::size_t data_size() const;
};

/// A number or a list of numbers.
using MetricValue = std::variant<std::int64_t, std::uint64_t, double, std::vector<std::int64_t>,
                                 std::vector<std::uint64_t>, std::vector<double>>;

/// Named numbers in order: metrics of training or evaluation. (`flwr.app.MetricRecord`)
class MetricRecord : public OrderedMap<MetricValue> {
 public:
  using OrderedMap::OrderedMap;

  /// The number `key` as double (integers are converted).
  /// @return `kNotFound` without such a key, `kInvalidArgument` when it is a list.
  StatusOr<double> GetDouble(std::string_view key) const;
};

/// Raw bytes as a config value, kept apart from text.
struct ByteString {
  std::string value;
  friend bool operator==(const ByteString&, const ByteString&) = default;
};

/// A scalar or a list of scalars.
using ConfigValue =
    std::variant<std::int64_t, std::uint64_t, double, bool, std::string, ByteString,
                 std::vector<std::int64_t>, std::vector<std::uint64_t>, std::vector<double>,
                 std::vector<bool>, std::vector<std::string>, std::vector<ByteString>>;

/// Named settings in order. (`flwr.app.ConfigRecord`)
///
/// The getters say in their error which key was asked, what was expected and what is there:
/// `kNotFound` without such a key, `kInvalidArgument` for another type or a value out of range.
class ConfigRecord : public OrderedMap<ConfigValue> {
 public:
  using OrderedMap::OrderedMap;

  StatusOr<double> GetDouble(std::string_view key) const;     ///< Integers are converted.
  StatusOr<std::int64_t> GetInt(std::string_view key) const;  ///< Whole doubles are converted.
  StatusOr<bool> GetBool(std::string_view key) const;
  StatusOr<std::string> GetString(std::string_view key) const;
};

/// Scalars by name, as `node_config` and `run_config` hold them: bool, int, float, str (and bytes).
using UserConfig = ConfigRecord;

/// One of the three kinds of record.
using Record = std::variant<ArrayRecord, MetricRecord, ConfigRecord>;

/// Named records in order: the content of a message. (`flwr.app.RecordDict`)
class RecordDict : public OrderedMap<Record> {
 public:
  using OrderedMap::OrderedMap;

  /// The record `key` if it is there and of that kind, else null.
  const ArrayRecord* FindArrays(std::string_view key) const;
  const MetricRecord* FindMetrics(std::string_view key) const;
  const ConfigRecord* FindConfig(std::string_view key) const;
};

}  // namespace flwrcpp
