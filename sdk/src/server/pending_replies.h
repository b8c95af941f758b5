// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "flwrcpp/grid.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Instructions that were sent over a Grid and have no reply yet. Those of several sendings may be
/// open at a time: each has a number, by which the replies are told apart. Not thread-safe.
class PendingReplies {
 public:
  struct Reply {
    std::uint64_t node_id = 0;  ///< That was asked.
    int sending = 0;
    Message message;
  };

  /// `grid` must outlive this.
  explicit PendingReplies(Grid& grid) : grid_(grid) {}

  /// Sends instructions; their content is let go.
  /// @return error replies (`NODE_UNAVAILABLE`) to those that the SuperLink refused.
  StatusOr<std::vector<Reply>> Send(std::vector<Message> messages, int sending);

  /// The replies there are; waits up to `timeout` for the first one. Errors that the SuperLink made
  /// in place of a node carry that node's id as their source.
  StatusOr<std::vector<Reply>> Receive(std::chrono::duration<double> timeout);

  /// How many replies are awaited, of all sendings or of one.
  std::size_t size() const { return ids_.size(); }
  std::size_t SizeOf(int sending) const;

  /// Whether a reply of the node is awaited.
  bool IsBusy(std::uint64_t node_id) const { return of_node_.contains(node_id); }

 private:
  struct Instruction {
    std::uint64_t node_id = 0;
    int sending = 0;
  };

  void Add(const std::string& message_id, const Instruction& instruction);
  void RemoveAt(std::size_t place);

  Grid& grid_;
  std::vector<std::string> ids_;           ///< Of the messages.
  std::vector<Instruction> instructions_;  ///< In the order of `ids_`.
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<int, std::size_t> of_sending_;         ///< How many; never 0.
  std::unordered_map<std::uint64_t, std::size_t> of_node_;  ///< Likewise.
};

}  // namespace flwrcpp::internal
