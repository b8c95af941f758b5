// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/records.h"

#include <set>
#include <type_traits>
#include <variant>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal::secagg {
namespace {

StatusOr<const ConfigValue*> Find(const ConfigRecord& record, std::string_view key) {
  if (const ConfigValue* const value = record.Find(key)) return value;
  return MakeError(StatusCode::kNotFound, "'{}' is missing", key);
}

bool IsEmptyList(const ConfigValue& value) {
  return std::visit(
      [](const auto& typed) {
        using Type = std::decay_t<decltype(typed)>;
        if constexpr (requires { typed.empty(); } && !std::is_same_v<Type, std::string>) {
          return typed.empty();
        } else {
          return false;
        }
      },
      value);
}

}  // namespace

StatusOr<std::string> GetBytes(const ConfigRecord& record, std::string_view key) {
  FLWRCPP_ASSIGN_OR_RETURN(const ConfigValue* const value, Find(record, key));
  if (const auto* const bytes = std::get_if<ByteString>(value)) return bytes->value;
  return InvalidArgument("'{}' is no bytes", key);
}

StatusOr<std::vector<ByteString>> GetBytesList(const ConfigRecord& record, std::string_view key) {
  FLWRCPP_ASSIGN_OR_RETURN(const ConfigValue* const value, Find(record, key));
  if (const auto* const list = std::get_if<std::vector<ByteString>>(value)) return *list;
  if (IsEmptyList(*value)) return std::vector<ByteString>();
  return InvalidArgument("'{}' is no list of bytes", key);
}

StatusOr<std::vector<std::uint64_t>> GetNodeIds(const ConfigRecord& record, std::string_view key) {
  FLWRCPP_ASSIGN_OR_RETURN(const ConfigValue* const value, Find(record, key));
  std::vector<std::uint64_t> ids;
  if (const auto* const list = std::get_if<std::vector<std::uint64_t>>(value)) {
    ids = *list;
  } else if (const auto* const signed_list = std::get_if<std::vector<std::int64_t>>(value)) {
    for (const std::int64_t id : *signed_list) {
      if (id < 0) return InvalidArgument("'{}' holds {}, which is no node id", key, id);
      ids.push_back(static_cast<std::uint64_t>(id));
    }
  } else if (!IsEmptyList(*value)) {
    return InvalidArgument("'{}' is no list of node ids", key);
  }
  std::set<std::uint64_t> known;
  for (const std::uint64_t id : ids) {
    if (!known.insert(id).second) return InvalidArgument("'{}' holds node {} twice", key, id);
  }
  return ids;
}

StatusOr<const ConfigRecord*> GetConfigs(const RecordDict& content) {
  if (const ConfigRecord* const configs = content.FindConfig(kConfigs)) return configs;
  return InvalidArgument("the message has no ConfigRecord '{}'", kConfigs);
}

}  // namespace flwrcpp::internal::secagg
