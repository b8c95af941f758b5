// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/handler_error.h"

#include <fmt/format.h>

namespace flwrcpp::internal {
namespace {

constexpr char kExceptionUrl[] = "flwrcpp/exception-type";

/// Longest text of an error reply; it ends up in logs and in the reply's metadata.
constexpr std::size_t kMaxText = 4096;

/// Bytes of the valid UTF-8 sequence that `text` begins with; 0 if there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  const unsigned second = byte(1);
  if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string ToUtf8(std::string text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = SequenceLength(std::string_view(text).substr(i));
    if (length == 0) text[i] = '?';
    i += length == 0 ? 1 : length;
  }
  return text;
}

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
          ToUtf8(fmt::format("<class '{}'>:<'{}'>", type, text))};
}

}  // namespace flwrcpp::internal
