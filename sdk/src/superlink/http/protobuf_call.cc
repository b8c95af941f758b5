// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/protobuf_call.h"

#include <absl/strings/match.h>

#include <string>
#include <utility>

#include "internal/log.h"
#include "superlink/api_error.h"

namespace flwrcpp::internal {

Status CheckProtobufType(const HttpHeader& header) {
  const std::string_view content_type = FieldOf(header, "content-type");
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  if (absl::EqualsIgnoreCase(absl::string_view(type.data(), type.size()),
                             absl::string_view(kProtobufType.data(), kProtobufType.size()))) {
    return absl::OkStatus();
  }
  return ApiError(ApiErrorCode::kUnsupportedContentType, "");
}

HttpResponse ErrorResponse(const Status& status) {
  HttpResponse response;
  response.status = HttpStatusOf(status);
  response.content_type = "application/json";
  response.front = HttpErrorBody(status);
  return response;
}

HttpResponse ToResponse(std::string_view path, StatusOr<ApiReply> reply) {
  if (!reply.ok()) {
    Log(LogLevel::kDebug, "{} is answered by {}", path, reply.status().ToString());
    return ErrorResponse(reply.status());
  }
  HttpResponse response;
  response.content_type = std::string(kProtobufType);
  response.front = std::move(reply->front);
  response.object_head = std::move(reply->object_head);
  response.object_body = std::move(reply->object_body);
  response.on_lost = std::move(reply->on_lost);
  return response;
}

}  // namespace flwrcpp::internal
