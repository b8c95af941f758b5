// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/classic/classic_node_session.h"

#include <string>
#include <utility>

#include "crypto/ec_key.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/object.h"

namespace flwrcpp::internal {
namespace {

/// Whether a reply was refused, as opposed to the state having failed.
bool IsRefusal(const Status& status) {
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kPermissionDenied:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kAlreadyExists:
      return true;
    default:
      return false;
  }
}

}  // namespace

StatusOr<std::unique_ptr<ClassicNodeSession>> ClassicNodeSession::Join(
    const ClassicContext& context) {
  NodeRegistration registration;
  // The private half is forgotten: nobody can make signed calls in this node's name.
  registration.public_key = EcPrivateKey::Generate().public_pem();
  const double now = context.clock();
  LinkState& nodes = *context.state.link_state;
  FLWRCPP_ASSIGN_OR_RETURN(const std::uint64_t node_id, nodes.CreateNode(registration, now));
  std::unique_ptr<ClassicNodeSession> session(new ClassicNodeSession(context, node_id));
  FLWRCPP_RETURN_IF_ERROR(
      nodes.ActivateNode(registration.public_key, kKeepAliveInterval, now).status());
  Log(LogLevel::kInfo, "node {} is online (classic)", node_id);
  context.notifier.Notify({Topic::kNodes, 0});
  return session;
}

ClassicNodeSession::ClassicNodeSession(const ClassicContext& context, std::uint64_t node_id)
    : context_(context), node_id_(node_id) {}

ClassicNodeSession::~ClassicNodeSession() {
  const double now = context_.clock();
  LinkState& nodes = *context_.state.link_state;
  static_cast<void>(nodes.DeactivateNode(node_id_, now));  // fails if it is not online
  const Status status = nodes.UnregisterNode(node_id_, now);
  if (!status.ok() && status.code() != StatusCode::kNotFound) {
    Log(LogLevel::kWarning, "node {} left, but stays registered: {}", node_id_,
        std::string(status.message()));
  } else {
    Log(LogLevel::kInfo, "node {} left", node_id_);
  }
  context_.notifier.Notify({Topic::kNodes, 0});
}

Status ClassicNodeSession::KeepAlive() {
  return context_.state.link_state->AcknowledgeHeartbeat(node_id_, kKeepAliveInterval,
                                                         context_.clock());
}

StatusOr<std::optional<Message>> ClassicNodeSession::Next() {
  ObjectStore& objects = *context_.state.object_store;
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(
        const std::optional<Message> stub,
        context_.state.link_state->NextInstruction(node_id_, context_.clock()));
    if (!stub.has_value()) return std::optional<Message>();
    const Metadata& metadata = stub->metadata();
    StatusOr<Message> message =
        Inflate(metadata.message_id, [&](const std::string& id) -> StatusOr<Object> {
          FLWRCPP_ASSIGN_OR_RETURN(StoredObject stored, objects.Get(metadata.run_id, id));
          if (stored.state == ObjectState::kAvailable) return std::move(stored.object);
          return MakeError(StatusCode::kNotFound, "object {} is missing", id);
        });
    if (message.status().code() == StatusCode::kUnavailable ||
        message.status().code() == StatusCode::kDataLoss) {
      return message.status();
    }
    FLWRCPP_RETURN_IF_ERROR(objects.Confirm(metadata.run_id, metadata.message_id));
    if (message.ok()) {
      message->metadata() = metadata;  // as it was checked when it came in
      return std::optional<Message>(*std::move(message));
    }
    Log(LogLevel::kWarning, "instruction {} is dropped: {}", metadata.message_id,
        std::string(message.status().message()));
    FLWRCPP_RETURN_IF_ERROR(context_.state.link_state->DeleteMessages({&metadata.message_id, 1}));
    context_.notifier.Notify({Topic::kReplies, metadata.run_id});
  }
}

Status ClassicNodeSession::Answer(const Message& reply) {
  Status status = context_.exchange.DeliverReply(reply);
  if (!IsRefusal(status)) return status;
  Log(LogLevel::kWarning, "the reply of node {} to {} is dropped: {}", node_id_,
      reply.metadata().reply_to_message_id, std::string(status.message()));
  return absl::OkStatus();
}

void ClassicNodeSession::CountTraffic(std::uint64_t run_id, std::uint64_t bytes_sent,
                                      std::uint64_t bytes_recv) {
  const Status status = context_.state.link_state->AddTraffic(run_id, bytes_sent, bytes_recv);
  if (!status.ok()) {
    Log(LogLevel::kWarning, "traffic of run {} is not counted: {}", run_id,
        std::string(status.message()));
  }
}

}  // namespace flwrcpp::internal
