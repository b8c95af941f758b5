// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/mod/message_size.h"

#include <cstddef>
#include <string>
#include <type_traits>
#include <variant>

#include "internal/log.h"

namespace flwrcpp {
namespace {

using internal::Log;

/// Of a value of a MetricRecord or ConfigRecord.
template <typename T>
std::size_t ByteSize(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return 1;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return 8;
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<bool>>) {
    return value.size();
  } else if constexpr (std::is_same_v<T, ByteString>) {
    return value.value.size();
  } else {
    std::size_t size = 0;
    for (const auto& element : value) size += ByteSize(element);
    return size;
  }
}

std::size_t ByteSize(const ArrayRecord& record) {
  std::size_t size = record.data_size();
  for (const auto& [key, array] : record) size += key.size();
  return size;
}

template <typename Values>
std::size_t ByteSizeOfValues(const Values& record) {
  std::size_t size = 0;
  for (const auto& [key, value] : record) {
    size += key.size() + std::visit([](const auto& typed) { return ByteSize(typed); }, value);
  }
  return size;
}

std::size_t ByteSize(const MetricRecord& record) { return ByteSizeOfValues(record); }
std::size_t ByteSize(const ConfigRecord& record) { return ByteSizeOfValues(record); }

std::size_t ByteSize(const RecordDict& content) {
  std::size_t size = 0;
  for (const auto& [name, record] : content) {
    size += std::visit([](const auto& typed) { return ByteSize(typed); }, record);
  }
  return size;
}

/// @return 0 for an array that is no `.npy` file.
std::size_t ElementCount(const ArrayRecord& record) {
  std::size_t count = 0;
  for (const auto& [key, array] : record) {
    const StatusOr<NpyHeader> header = array.Header();
    if (header.ok()) count += static_cast<std::size_t>(header->element_count());
  }
  return count;
}

void LogArrays(const char* direction, const RecordDict& content) {
  std::size_t size = 0;
  for (const auto& [name, record] : content) {
    const auto* const arrays = std::get_if<ArrayRecord>(&record);
    if (arrays == nullptr) continue;
    Log(LogLevel::kInfo, "{} ArrayRecord '{}': {} elements, {} bytes", direction, name,
        ElementCount(*arrays), ByteSize(*arrays));
    size += ByteSize(*arrays);
  }
  Log(LogLevel::kInfo, "{} arrays: {} bytes", direction, size);
}

}  // namespace

Mod MessageSizeMod() {
  return [](const Message& message, Context& context,
            const MessageHandler& next) -> StatusOr<Message> {
    Log(LogLevel::kInfo, "Incoming message size: {} bytes", ByteSize(message.content()));
    StatusOr<Message> reply = next(message, context);
    if (reply.ok()) {
      Log(LogLevel::kInfo, "Outgoing message size: {} bytes", ByteSize(reply->content()));
    }
    return reply;
  };
}

Mod ArraysSizeMod() {
  return [](const Message& message, Context& context,
            const MessageHandler& next) -> StatusOr<Message> {
    LogArrays("Incoming", message.content());
    StatusOr<Message> reply = next(message, context);
    if (reply.ok()) LogArrays("Outgoing", reply->content());
    return reply;
  };
}

}  // namespace flwrcpp
