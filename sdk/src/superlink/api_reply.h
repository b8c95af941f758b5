// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "superlink/api_error.h"
#include "superlink/state/object_store.h"

namespace flwrcpp::internal {

/// A serialized response in pieces, to be sent one after the other.
struct ApiReply {
  std::string front;
  Bytes object_head;
  Bytes object_body;
  /// To be called if the reply could not be sent; may be empty.
  std::function<void()> on_lost;

  std::size_t size() const { return front.size() + object_head.size() + object_body.size(); }
};

/// The request message in a body.
template <typename Request>
StatusOr<Request> ParseRequest(const Bytes& body) {
  Request request;
  // Bodies are bounded by the listeners, far below the 2 GiB that fit an int.
  if (body.size() > std::numeric_limits<int>::max() ||
      !request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return ApiError(ApiErrorCode::kInvalidProtobuf, "");
  }
  return request;
}

template <typename Response>
StatusOr<ApiReply> Serialize(const StatusOr<Response>& response) {
  if (!response.ok()) return response.status();
  ApiReply reply;
  reply.front = response->SerializeAsString();
  return reply;
}

/// The answer to a pull of an object, whose bytes stay where they are.
ApiReply Serialize(const StoredObject& stored);

}  // namespace flwrcpp::internal
