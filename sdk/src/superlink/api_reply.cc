// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/api_reply.h"

#include "flwr/proto/message.pb.h"
#include "records/wire.h"

namespace flwrcpp::internal {

ApiReply Serialize(const StoredObject& stored) {
  ApiReply reply;
  if (stored.state == ObjectState::kAvailable) {
    reply.front = PullObjectResponseFront(stored.object.size());
    reply.object_head = stored.object.head;
    reply.object_body = stored.object.body;
  } else {
    flwr::proto::PullObjectResponse response;
    response.set_object_found(stored.state == ObjectState::kUnavailable);
    reply.front = response.SerializeAsString();
  }
  return reply;
}

}  // namespace flwrcpp::internal
