// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/message_exchange.h"

#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/object.h"
#include "records/wire.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {

StatusOr<Message> ReadStub(const flwr::proto::Message& proto) {
  if (proto.has_content() == proto.has_error()) {
    return InvalidArgument("a message must have either content or an error, but {} has {}",
                           proto.metadata().message_id(), proto.has_content() ? "both" : "neither");
  }
  Metadata metadata = FromProto(proto.metadata());
  if (!IsValidMessageType(metadata.message_type)) {
    return InvalidArgument("'{}' is no message type", metadata.message_type);
  }
  if (proto.has_error()) {
    return Message(std::move(metadata), Error{proto.error().code(), proto.error().reason()});
  }
  // Whatever content the stub carries is ignored: what counts are the objects.
  return Message(std::move(metadata), RecordDict());
}

MessageExchange::MessageExchange(State state, Notifier& notifier, std::function<double()> clock)
    : state_(std::move(state)), notifier_(notifier), clock_(std::move(clock)) {}

StatusOr<PushSession> MessageExchange::AcceptReply(const Message& reply, const ObjectTree& tree) {
  const Metadata& metadata = reply.metadata();
  const std::lock_guard lock(uploads_mutex_);
  FLWRCPP_RETURN_IF_ERROR(ExpireSessionsLocked());
  FLWRCPP_RETURN_IF_ERROR(state_.link_state->StoreReply(reply, clock_()));
  return OpenLocked(metadata.run_id, {metadata.message_id}, {&tree, 1});
}

Status MessageExchange::DeliverReply(const Message& reply) {
  const DeflatedMessage deflated = Deflate(reply);  // hashing takes time: outside the lock
  Message stub = StubOf(reply);
  stub.metadata().message_id = deflated.root.id;
  std::vector<Object> objects;
  if (deflated.content != nullptr) objects = deflated.content->objects;
  objects.push_back(deflated.root);

  const std::uint64_t run_id = stub.metadata().run_id;
  const std::vector<std::string> message_ids{deflated.root.id};
  const std::lock_guard lock(uploads_mutex_);
  FLWRCPP_RETURN_IF_ERROR(state_.link_state->StoreReply(stub, clock_()));
  const Status stored = state_.object_store->StoreTree(run_id, deflated.tree, objects);
  if (!stored.ok()) {
    FLWRCPP_RETURN_IF_ERROR(state_.link_state->DeleteMessages(message_ids));
    return stored;
  }
  return Release(run_id, message_ids);
}

StatusOr<MessageExchange::AcceptedInstructions> MessageExchange::AcceptInstructions(
    std::uint64_t run_id, std::span<const Message> messages, std::span<const ObjectTree> trees) {
  AcceptedInstructions accepted;
  const std::lock_guard lock(uploads_mutex_);
  FLWRCPP_RETURN_IF_ERROR(ExpireSessionsLocked());
  FLWRCPP_ASSIGN_OR_RETURN(accepted.ids, state_.link_state->StoreInstructions(messages, clock_()));
  std::vector<std::string> message_ids;
  std::vector<ObjectTree> wanted;
  for (std::size_t i = 0; i < accepted.ids.size(); ++i) {
    if (accepted.ids[i].empty()) continue;
    message_ids.push_back(accepted.ids[i]);
    wanted.push_back(trees[i]);
  }
  FLWRCPP_ASSIGN_OR_RETURN(accepted.session, OpenLocked(run_id, message_ids, wanted));
  return accepted;
}

StatusOr<bool> MessageExchange::PutObject(std::uint64_t run_id, const std::string& object_id,
                                          const std::string& session_id, const Bytes& content) {
  // Hashing takes milliseconds: it is done here, outside the store's lock.
  const StatusOr<Object> object = CheckObject(object_id, content);
  if (!object.ok()) {
    Log(LogLevel::kWarning, "object {} of run {} is refused: {}", object_id, run_id,
        std::string(object.status().message()));
    return false;
  }
  FLWRCPP_RETURN_IF_ERROR(ExpireSessions());
  FLWRCPP_ASSIGN_OR_RETURN(const PutResult put,
                           state_.object_store->Put(run_id, session_id, *object, clock_()));
  if (!put.completed_roots.empty()) {
    FLWRCPP_RETURN_IF_ERROR(Release(run_id, put.completed_roots));
  }
  return put.stored;
}

StatusOr<StoredObject> MessageExchange::GetObject(std::uint64_t run_id,
                                                  const std::string& object_id) {
  FLWRCPP_RETURN_IF_ERROR(ExpireSessions());
  return state_.object_store->Get(run_id, object_id);
}

Status MessageExchange::Redeliver() {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<Metadata> delivered,
                           state_.link_state->DeliveredInstructions());
  for (const Metadata& metadata : delivered) {
    FLWRCPP_ASSIGN_OR_RETURN(const StoredObject root,
                             state_.object_store->Get(metadata.run_id, metadata.message_id));
    // What a node confirms is deleted.
    if (root.state != ObjectState::kAvailable) continue;
    FLWRCPP_RETURN_IF_ERROR(state_.link_state->UndeliverInstruction(metadata.message_id));
  }
  return absl::OkStatus();
}

Status MessageExchange::ExpireSessions() {
  const std::lock_guard lock(uploads_mutex_);
  return ExpireSessionsLocked();
}

Status MessageExchange::ExpireSessionsLocked() {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::string> roots,
                           state_.object_store->ExpireSessions(clock_()));
  if (roots.empty()) return absl::OkStatus();
  Log(LogLevel::kWarning, "{} messages are dropped: their upload broke off", roots.size());
  return state_.link_state->DeleteMessages(roots);
}

StatusOr<PushSession> MessageExchange::OpenLocked(std::uint64_t run_id,
                                                  const std::vector<std::string>& message_ids,
                                                  std::span<const ObjectTree> trees) {
  StatusOr<PushSession> session = state_.object_store->OpenPush(run_id, trees, clock_());
  if (!session.ok()) {
    FLWRCPP_RETURN_IF_ERROR(state_.link_state->DeleteMessages(message_ids));
    return session;
  }
  if (session->missing.empty()) FLWRCPP_RETURN_IF_ERROR(Release(run_id, message_ids));
  return session;
}

Status MessageExchange::Release(std::uint64_t run_id, const std::vector<std::string>& message_ids) {
  FLWRCPP_ASSIGN_OR_RETURN(const ReleaseResult result,
                           state_.link_state->ReleaseMessages(message_ids));
  for (const std::string& id : result.unknown) {
    FLWRCPP_RETURN_IF_ERROR(state_.object_store->Confirm(run_id, id));
  }
  for (const ReleasedMessage& message : result.released) {
    if (message.dst_node_id == kSuperLinkNodeId) {
      notifier_.Notify({Topic::kReplies, message.run_id});
    } else {
      notifier_.Notify({Topic::kInstructions, message.dst_node_id});
    }
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
