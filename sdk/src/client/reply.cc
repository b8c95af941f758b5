// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/reply.h"

#include <fmt/format.h>

#include <utility>

#include "client/handler_error.h"
#include "internal/errors.h"
#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

Message ErrorReply(const Message& instruction, const Status& status, double now) {
  Log(LogLevel::kError, "The ClientApp failed on {}: {}", Describe(instruction.metadata()),
      std::string(status.message()));
  return Message::ErrorReplyTo(instruction, HandlerError(status), now);
}

}  // namespace

std::string Describe(const Metadata& metadata) {
  return fmt::format("{} message {} of run {}", metadata.message_type, metadata.message_id,
                     metadata.run_id);
}

Message MakeReply(const Message& instruction, const StatusOr<Message>& handled, double now) {
  if (!handled.ok()) return ErrorReply(instruction, handled.status(), now);
  if (!handled->has_content() && !handled->has_error()) {
    return ErrorReply(
        instruction, InvalidArgument("the ClientApp answered with neither content nor error"), now);
  }
  Metadata metadata = Message::ErrorReplyTo(instruction, {}, now).metadata();
  const double ttl = handled->metadata().ttl;
  if (ttl > 0 && ttl < metadata.ttl) metadata.ttl = ttl;
  if (handled->has_error()) {
    return {std::move(metadata), Error{handled->error().code, ToUtf8(handled->error().reason)}};
  }
  return {std::move(metadata), handled->shared_content()};
}

}  // namespace flwrcpp::internal
