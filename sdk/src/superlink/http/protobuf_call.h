// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "flwrcpp/status.h"
#include "superlink/api_reply.h"
#include "superlink/http/http_router.h"

namespace flwrcpp::internal {

/// Media types of Flower's protobuf over HTTP.
inline constexpr std::string_view kProtobufType = "application/protobuf";
inline constexpr std::string_view kProtobufStreamType = "application/flower-protobuf-stream";

/// Checks that a request says its body is protobuf.
Status CheckProtobufType(const HttpHeader& header);

/// The answer that says what is wrong; `status` must not be OK.
HttpResponse ErrorResponse(const Status& status);

/// The answer to a call; `path` is for the log.
HttpResponse ToResponse(std::string_view path, StatusOr<ApiReply> reply);

}  // namespace flwrcpp::internal
