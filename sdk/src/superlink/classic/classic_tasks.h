// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <vector>

#include "flwr/proto/transport.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal::classic {

/// Between instructions of ServerApps and what goes over a node's classic stream.
///
/// Instructions are in one of two conventions, and replies are in that of their instruction:
/// - message-based: one ArrayRecord and at most one ConfigRecord; the reply has `arrays`, under the
///   names of the instruction's arrays, and `metrics` with `num-examples` and, of an evaluation,
///   `eval_loss`. Of the node's metrics only the numbers remain, as only they can be averaged.
/// - classic: `fitins.*` and so on; the reply has `fitres.*` with all of it.

/// The ServerMessage, in pieces that share the arrays' bytes.
/// @return `kInvalidArgument` for an instruction that the stream cannot carry.
StatusOr<std::vector<Bytes>> WriteTask(const Message& instruction);

/// The message "disconnect, and do not come back".
std::vector<Bytes> WriteGoodbye();

/// The reply that `answer` is. Its arrays are views of `answer`. An answer that does not fit the
/// instruction, or that tells of a failure, becomes an error reply.
/// @param now Unix seconds.
Message ReadAnswer(const Message& instruction,
                   const std::shared_ptr<const flwr::proto::ClientMessage>& answer, double now);

/// The error reply to an instruction that cannot be sent, or whose answer cannot be read.
Message RefuseTask(const Message& instruction, const Status& why, double now);

}  // namespace flwrcpp::internal::classic
