// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/state_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "program/files.h"
#include "server_app/npz.h"

namespace flwrcpp::server_app {
namespace {

using Json = nlohmann::ordered_json;

/// The type of a value in the file; JSON itself knows too few.
template <typename T>
struct TypeName;
template <>
struct TypeName<std::int64_t> {
  static constexpr char value[] = "int";
};
template <>
struct TypeName<std::uint64_t> {
  static constexpr char value[] = "uint";
};
template <>
struct TypeName<double> {
  static constexpr char value[] = "float";
};
template <>
struct TypeName<bool> {
  static constexpr char value[] = "bool";
};
template <>
struct TypeName<std::string> {
  static constexpr char value[] = "str";
};
template <>
struct TypeName<ByteString> {
  static constexpr char value[] = "bytes";
};

template <typename T>
struct IsList : std::false_type {};
template <typename T>
struct IsList<std::vector<T>> : std::true_type {};

template <typename T>
std::string NameOfType() {
  if constexpr (IsList<T>::value) {
    return TypeName<typename T::value_type>::value + std::string(" list");
  } else {
    return TypeName<T>::value;
  }
}

template <typename T>
Json Encode(const T& value) {
  if constexpr (IsList<T>::value) {
    Json list = Json::array();
    for (auto&& item : value) list.push_back(Encode<typename T::value_type>(item));
    return list;
  } else if constexpr (std::is_same_v<T, double>) {
    // JSON has no infinity and no NaN.
    return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value));
  } else if constexpr (std::is_same_v<T, ByteString>) {
    Json bytes = Json::array();
    for (const char byte : value.value) bytes.push_back(static_cast<unsigned char>(byte));
    return bytes;
  } else {
    return value;
  }
}

[[noreturn]] void Unexpected(const std::string& what) { throw std::invalid_argument(what); }

template <typename T>
T Decode(const Json& json) {
  const auto check = [&](bool right) {
    if (!right) Unexpected(json.dump() + " is no " + NameOfType<T>());
  };
  if constexpr (IsList<T>::value) {
    check(json.is_array());
    T list;
    for (const Json& item : json) list.push_back(Decode<typename T::value_type>(item));
    return list;
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    check(json.is_number_unsigned());
    return json.get<std::uint64_t>();
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    check(json.is_number_integer() &&
          !(json.is_number_unsigned() && json.get<std::uint64_t>() > std::uint64_t{INT64_MAX}));
    return json.get<std::int64_t>();
  } else if constexpr (std::is_same_v<T, double>) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (json == "inf") return kInfinity;
    if (json == "-inf") return -kInfinity;
    if (json == "nan" || json == "-nan") return std::numeric_limits<double>::quiet_NaN();
    check(json.is_number());
    return json.get<double>();
  } else if constexpr (std::is_same_v<T, ByteString>) {
    check(json.is_array());
    ByteString bytes;
    for (const Json& byte : json) {
      check(byte.is_number_unsigned() && byte.get<std::uint64_t>() <= 0xff);
      bytes.value.push_back(static_cast<char>(byte.get<std::uint64_t>()));
    }
    return bytes;
  } else {
    return json.get<T>();
  }
}

/// The alternative of a variant whose type is called `type`.
template <typename Variant, std::size_t index = 0>
Variant DecodeVariant(const std::string& type, const Json& json) {
  if constexpr (index == std::variant_size_v<Variant>) {
    Unexpected("the type " + type + " is unknown here");
  } else {
    using T = std::variant_alternative_t<index, Variant>;
    if (type == NameOfType<T>()) return Decode<T>(json);
    return DecodeVariant<Variant, index + 1>(type, json);
  }
}

/// A record of scalars as [[key, type, value], …].
template <typename ScalarRecord>
Json EncodeScalars(const ScalarRecord& record) {
  Json items = Json::array();
  for (const auto& [key, value] : record) {
    std::visit(
        [&, &name = key]<typename T>(const T& scalar) {
          items.push_back(Json::array({name, NameOfType<T>(), Encode(scalar)}));
        },
        value);
  }
  return items;
}

template <typename ScalarRecord>
ScalarRecord DecodeScalars(const Json& items) {
  using Value = typename ScalarRecord::Item::second_type;
  ScalarRecord record;
  for (const Json& item : items) {
    record.Set(item.at(0).get<std::string>(),
               DecodeVariant<Value>(item.at(1).get<std::string>(), item.at(2)));
  }
  return record;
}

std::string NameInFile(const std::string& record, const std::string& key) {
  return record + "/" + key;
}

/// The arrays go into the file under names of their own; here are their keys.
Json EncodeArrays(const std::string& name, const ArrayRecord& record, ArrayRecord& arrays) {
  Json keys = Json::array();
  for (const auto& [key, array] : record) {
    const std::string in_file = NameInFile(name, key);
    if (arrays.contains(in_file)) Unexpected("two arrays are called '" + in_file + "'");
    arrays.Set(in_file, array);
    keys.push_back(key);
  }
  return keys;
}

ArrayRecord DecodeArrays(const std::string& name, const Json& keys, const ArrayRecord& arrays) {
  ArrayRecord record;
  for (const Json& key : keys) {
    const std::string in_file = NameInFile(name, key.get<std::string>());
    const Array* const array = arrays.Find(in_file);
    if (array == nullptr) Unexpected("the array '" + in_file + "' is missing");
    record.Set(key.get<std::string>(), *array);
  }
  return record;
}

Npz Pack(const StrategyState& state) {
  Npz content;
  Json json = {{"strategy", state.strategy}, {"records", Json::array()}};
  for (const auto& [name, record] : state.records) {
    Json row = {{"name", name}};
    if (const auto* arrays = std::get_if<ArrayRecord>(&record)) {
      row["arrays"] = EncodeArrays(name, *arrays, content.arrays);
    } else if (const auto* metrics = std::get_if<MetricRecord>(&record)) {
      row["metrics"] = EncodeScalars(*metrics);
    } else {
      row["config"] = EncodeScalars(std::get<ConfigRecord>(record));
    }
    json["records"].push_back(std::move(row));
  }
  content.description = json.dump(1) + "\n";
  return content;
}

StrategyState Unpack(const Npz& content) {
  const Json json = Json::parse(content.description);
  StrategyState state;
  state.strategy = json.at("strategy").get<std::string>();
  for (const Json& row : json.at("records")) {
    const auto name = row.at("name").get<std::string>();
    if (row.contains("arrays")) {
      state.records.Set(name, DecodeArrays(name, row.at("arrays"), content.arrays));
    } else if (row.contains("metrics")) {
      state.records.Set(name, DecodeScalars<MetricRecord>(row.at("metrics")));
    } else {
      state.records.Set(name, DecodeScalars<ConfigRecord>(row.at("config")));
    }
  }
  return state;
}

}  // namespace

Status SaveState(const std::filesystem::path& path, const StrategyState& state) {
  try {
    return SaveNpz(path, Pack(state));
  } catch (const std::exception& error) {  // the JSON library's, and Unexpected
    return program::CannotWrite(path, error.what());
  }
}

StatusOr<StrategyState> LoadState(const std::filesystem::path& path) {
  const StatusOr<Npz> content = LoadNpz(path);
  if (!content.ok()) return content.status();
  try {
    return Unpack(*content);
  } catch (const std::exception& error) {  // the JSON library's, and Unexpected
    return Damaged(path, error.what());
  }
}

}  // namespace flwrcpp::server_app
