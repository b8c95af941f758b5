// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "flwr/proto/transport.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal::classic {

/// The server wants the node to disconnect.
struct Reconnect {
  std::int64_t seconds = 0;  ///< To come back after; 0: not at all.
};
using Instruction = std::variant<Message, Reconnect>;

/// What a server's message asks for. A task becomes a message of the classic layer (`fitins.*` and
/// so on) whose arrays are views of `proto`; it has no ids, as the stream knows none.
/// @param now Unix seconds.
/// @return `kInvalidArgument` for a message that asks for nothing this node knows.
StatusOr<Instruction> ReadInstruction(
    const std::shared_ptr<const flwr::proto::ServerMessage>& proto, double now);

/// The ClientMessage, in pieces, that answers a message of type `message_type`.
///
/// `reply` is in the classic layer's records or in those of message-based apps: the first
/// ArrayRecord, and a MetricRecord with `num-examples` and, of an evaluation, `eval_loss` or
/// `loss`. Failures, and replies that the stream cannot carry, become a status with a code of
/// "not implemented" (there is no other) and the reason.
std::vector<Bytes> WriteReply(std::string_view message_type, const StatusOr<Message>& reply);

/// The answer to `Reconnect`.
std::vector<Bytes> WriteDisconnect(const Reconnect& reconnect);

}  // namespace flwrcpp::internal::classic
