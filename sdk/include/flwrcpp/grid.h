// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// A ServerApp's view of its run: which nodes there are, messages out, replies in.
/// (`flwr.serverapp.Grid`)
///
/// Thread-safe. Obtain the in-process one from `SuperLink::StartRun()`.
class Grid {
 public:
  virtual ~Grid() = default;

  virtual std::uint64_t run_id() const = 0;

  /// Ids of the nodes that are online now.
  virtual StatusOr<std::vector<std::uint64_t>> GetNodeIds() = 0;

  /// Blocks until the set of online nodes may have changed, or `timeout` has passed.
  virtual void WaitForNodes(std::chrono::duration<double> timeout) = 0;

  /// Sends instructions; fills in run, source, time and message id.
  /// @return one message id for each, in order; "" for a message that was refused because its node
  ///   is unknown.
  virtual StatusOr<std::vector<std::string>> PushMessages(std::vector<Message> messages) = 0;

  /// The replies to `message_ids` that are there now. Waits up to `timeout` for the first one;
  /// empty after that. Need not hand out all at once: large replies better come one by one, so that
  /// the caller holds few of them. A reply is handed out once; a node that went offline or a
  /// message that expired is answered by an error reply.
  virtual StatusOr<std::vector<Message>> PullMessages(std::span<const std::string> message_ids,
                                                      std::chrono::duration<double> timeout) = 0;

  /// Gets each reply as it arrives, in any order.
  using OnReply = std::function<Status(Message reply)>;

  /// Sends `messages` and hands each reply to `on_reply` until all have come, `timeout` has passed
  /// (empty: no limit) or `stop` is requested. Nodes that did not answer in time are simply absent.
  /// A message that was refused is answered by an error reply (`NODE_UNAVAILABLE`), and errors that
  /// the SuperLink made in place of a node carry that node's id as their source. The content of
  /// `messages` is let go as soon as it is sent.
  /// @return the first status of `on_reply` that is not OK, `kCancelled` after a stop, errors of
  ///   `PushMessages` and `PullMessages`.
  virtual Status SendAndReceive(std::vector<Message> messages,
                                std::optional<std::chrono::duration<double>> timeout,
                                const OnReply& on_reply, std::stop_token stop);
};

}  // namespace flwrcpp
