// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/flower_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace flwrcpp::internal {
namespace {

constexpr char kCodeUrl[] = "flwrcpp/flower-code";
constexpr char kPermanentUrl[] = "flwrcpp/permanent";
constexpr char kNoHttpUrl[] = "flwrcpp/no-http";

/// Most of a body that an error text quotes.
constexpr std::size_t kMaxQuote = 300;

struct CatalogueError {
  std::optional<int> code;
  std::string text;
};

std::string TextField(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Reads `{"code": …, TEXT_KEY: …, EXTRA_KEY: …}`; whatever is no such object is the text itself.
CatalogueError ReadCatalogueError(std::string_view body, const char* text_key,
                                  const char* extra_key) {
  const nlohmann::json json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  CatalogueError error;
  if (!json.is_object()) {
    error.text = body.substr(0, kMaxQuote);
    return error;
  }
  if (const auto code = json.find("code"); code != json.end() && code->is_number_integer()) {
    error.code = code->get<int>();
  }
  error.text = TextField(json, text_key).substr(0, kMaxQuote);
  const std::string extra = TextField(json, extra_key).substr(0, kMaxQuote);
  if (!extra.empty()) error.text += " (" + extra + ")";
  return error;
}

Status MakeStatus(StatusCode status_code, const CatalogueError& error,
                  const std::string& without_text) {
  std::string text = error.text.empty() ? without_text : error.text;
  if (error.code) text = fmt::format("code {}: {}", *error.code, text);
  // Texts come from outside; control characters would garble a log.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  Status status(status_code, text);
  if (error.code) status.SetPayload(kCodeUrl, absl::Cord(std::to_string(*error.code)));
  return status;
}

StatusCode CodeOfHttpStatus(long http_status) {
  switch (http_status) {
    case 400:
    case 415:
      return StatusCode::kInvalidArgument;
    case 401:
      return StatusCode::kUnauthenticated;
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
    case 405:
    case 501:
      return StatusCode::kUnimplemented;
    case 412:
      return StatusCode::kFailedPrecondition;
    case 413:
      return StatusCode::kResourceExhausted;
    case 502:
    case 503:
    case 504:
      return StatusCode::kUnavailable;
    default:
      return http_status >= 500 ? StatusCode::kInternal : StatusCode::kUnknown;
  }
}

}  // namespace

std::optional<int> FlowerCode(const Status& status) {
  const auto payload = status.GetPayload(kCodeUrl);
  if (!payload) return std::nullopt;
  const std::string text(*payload);
  int code = 0;
  std::from_chars(text.data(), text.data() + text.size(), code);
  return code;
}

Status StatusFromHttp(long http_status, std::string_view body) {
  return MakeStatus(CodeOfHttpStatus(http_status), ReadCatalogueError(body, "detail", "extra"),
                    fmt::format("HTTP status {}", http_status));
}

Status StatusFromGrpc(int grpc_code, std::string_view details) {
  auto code = static_cast<StatusCode>(grpc_code);  // the same numbers by design
  // The deadline of a call is ours: nothing is known about the SuperLink but that it is slow.
  // Likewise it does not cancel calls; a connection that ends may.
  if (code == StatusCode::kDeadlineExceeded || code == StatusCode::kCancelled) {
    code = StatusCode::kUnavailable;
  }
  return MakeStatus(code, ReadCatalogueError(details, "public_message", "public_details"),
                    fmt::format("gRPC status {}", grpc_code));
}

Status PermanentFailure(std::string text) {
  Status status(StatusCode::kUnavailable, text);
  status.SetPayload(kPermanentUrl, absl::Cord());
  return status;
}

Status NoHttpAnswer(std::string text) {
  Status status(StatusCode::kUnavailable, text);
  status.SetPayload(kNoHttpUrl, absl::Cord());
  return status;
}

bool IsNoHttpAnswer(const Status& status) { return status.GetPayload(kNoHttpUrl).has_value(); }

bool IsRetryable(const Status& status) {
  return status.code() == StatusCode::kUnavailable && !status.GetPayload(kPermanentUrl).has_value();
}

}  // namespace flwrcpp::internal
