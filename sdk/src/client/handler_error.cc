// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/handler_error.h"

#include <fmt/format.h>

namespace flwrcpp::internal {
namespace {

constexpr char kExceptionUrl[] = "flwrcpp/exception-type";

/// Longest text of an error reply; it ends up in logs and in the reply's metadata.
constexpr std::size_t kMaxText = 4096;

}  // namespace

Status HandlerException(std::string_view type, std::string_view text) {
  Status status(StatusCode::kInternal, fmt::format("{}: {}", type, text));
  status.SetPayload(kExceptionUrl, absl::Cord(std::string(type)));
  return status;
}

Error HandlerError(const Status& status) {
  std::string type = "flwrcpp::Status";
  std::string text = status.ToString(absl::StatusToStringMode::kWithNoExtraData);
  if (const auto exception = status.GetPayload(kExceptionUrl)) {
    type = std::string(*exception);
    text = std::string(status.message()).substr(type.size() + 2);  // after ": "
  }
  if (text.size() > kMaxText) text.resize(kMaxText);
  return {static_cast<std::int64_t>(ErrorCode::kClientAppRaisedException),
          fmt::format("<class '{}'>:<'{}'>", type, text)};
}

}  // namespace flwrcpp::internal
