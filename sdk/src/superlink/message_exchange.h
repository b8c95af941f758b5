// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "flwr/proto/message.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "superlink/notifier.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// The message of a push request, checked as far as a request alone can be.
/// @return `kInvalidArgument`.
StatusOr<Message> ReadStub(const flwr::proto::Message& proto);

/// How messages come in with their objects, from nodes and from ServerApps: announced first, then
/// uploaded object by object, and handed out when they are complete. Thread-safe.
class MessageExchange {
 public:
  /// `clock` gives Unix seconds; `notifier` must outlive this.
  MessageExchange(State state, Notifier& notifier, std::function<double()> clock);

  /// Stores a node's reply and opens the upload of its objects.
  /// @return `kNotFound` and the like for a reply that is refused (`LinkState::StoreReply`).
  StatusOr<PushSession> AcceptReply(const Message& reply, const ObjectTree& tree);

  /// Stores a node's reply together with its content, and hands it out; sets no id in `reply`,
  /// which stays the caller's.
  /// @return as `AcceptReply`.
  Status DeliverReply(const Message& reply);

  struct AcceptedInstructions {
    std::vector<std::string> ids;  ///< As of `LinkState::StoreInstructions`.
    PushSession session;
  };
  /// Stores a ServerApp's instructions, all or none, and opens the upload of their objects.
  /// @param trees one for each message.
  /// @return `kInvalidArgument` for messages that are malformed.
  StatusOr<AcceptedInstructions> AcceptInstructions(std::uint64_t run_id,
                                                    std::span<const Message> messages,
                                                    std::span<const ObjectTree> trees);

  /// Takes an uploaded object; the store keeps a share of `content`.
  /// @return whether it was stored: it is what its id says, and a session waits for it.
  StatusOr<bool> PutObject(std::uint64_t run_id, const std::string& object_id,
                           const std::string& session_id, const Bytes& content);
  StatusOr<StoredObject> GetObject(std::uint64_t run_id, const std::string& object_id);

  /// Takes back instructions whose delivery no node has confirmed: for a SuperLink that starts,
  /// whose last answers may never have been sent.
  Status Redeliver();

  /// Drops uploads whose time is up, and their messages.
  Status ExpireSessions();

 private:
  /// `ExpireSessions` for who holds `uploads_mutex_`.
  Status ExpireSessionsLocked();
  /// Opens the upload of messages that are stored; if it cannot be opened they are deleted.
  StatusOr<PushSession> OpenLocked(std::uint64_t run_id,
                                   const std::vector<std::string>& message_ids,
                                   std::span<const ObjectTree> trees);
  /// Lets complete messages be handed out, and tells who waits for them.
  Status Release(std::uint64_t run_id, const std::vector<std::string>& message_ids);

  const State state_;
  Notifier& notifier_;
  const std::function<double()> clock_;

  /// Held while the beginning or the end of an upload is noted in both the message and the object
  /// state: a message that is announced again while its old upload ends would else be lost and
  /// leave its objects.
  std::mutex uploads_mutex_;
};

}  // namespace flwrcpp::internal
