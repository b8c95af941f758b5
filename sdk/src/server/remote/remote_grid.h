// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "flwrcpp/grid.h"
#include "rpc/app_messages.h"
#include "rpc/clock.h"
#include "superlink/instructions.h"

namespace flwrcpp::internal {

/// The Grid of a ServerApp whose SuperLink is another process: speaks the Runtime API.
///
/// Stock SuperLinks answer pulls at once, so replies are asked for often at first and then less
/// so; a reply's content is fetched when it is handed out.
class RemoteGrid final : public Grid {
 public:
  /// @param transfer the run's; its connection and clock must outlive the grid.
  /// @param stop ends all calls with `kCancelled`.
  RemoteGrid(AppTransfer transfer, std::uint64_t task_id, std::stop_token stop);

  std::uint64_t run_id() const override { return transfer_.run_id; }
  StatusOr<std::vector<std::uint64_t>> GetNodeIds() override;
  void WaitForNodes(std::chrono::duration<double> timeout) override;

  /// @return besides what Grid says, what the calls of the Runtime API return; `kUnauthenticated`
  ///   when the run is over.
  StatusOr<std::vector<std::string>> PushMessages(std::vector<Message> messages) override;
  StatusOr<std::vector<Message>> PullMessages(std::span<const std::string> message_ids,
                                              std::chrono::duration<double> timeout) override;

 private:
  using Instructions = std::span<const InstructionMaker::Instruction>;

  /// Announces and uploads messages, as many as fit into one request.
  StatusOr<std::vector<std::string>> PushBatch(Instructions batch);
  /// Hands out replies that were pulled earlier.
  StatusOr<std::vector<Message>> TakeKept(std::span<const std::string> message_ids);
  StatusOr<Message> Download(const PulledStub& pulled);

  const AppTransfer transfer_;
  InstructionMaker instructions_;
  const std::stop_token stop_;

  std::mutex mutex_;
  /// Replies without content that nobody has asked for since they were pulled, by instruction.
  std::unordered_map<std::string, PulledStub> kept_;
  double pause_ = 0;      ///< Seconds between the next two pulls.
  double next_pull_ = 0;  ///< Monotonic.
};

}  // namespace flwrcpp::internal
