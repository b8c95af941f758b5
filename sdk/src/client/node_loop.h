// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <stop_token>

#include "client/outbox.h"
#include "fleet/fleet_connection.h"
#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "rpc/clock.h"
#include "rpc/object_pull.h"

namespace flwrcpp::internal {

/// Pulls instructions, lets the ClientApp answer them and sends the replies, one at a time.
class NodeLoop {
 public:
  NodeLoop(const ClientApp& app, const NodeOptions& options, FleetConnection& connection,
           Outbox& outbox, Clock& clock);

  /// Runs until `stop`.
  /// @return `kCancelled` after `stop`; `kUnauthenticated` when the SuperLink does not accept the
  ///   node any more; `kUnavailable` when it cannot be reached within the retry limits.
  Status Run(std::stop_token stop);

 private:
  /// What is kept of a run from message to message.
  struct RunMemory {
    std::uint64_t run_id = 0;
    UserConfig run_config;
    std::uint64_t state_key = 0;  ///< The run's series, which shares its state; else the run.
  };
  struct StateMemory {
    std::uint64_t key = 0;
    RecordDict state;
  };

  Status PullNext(std::stop_token stop);
  /// @return the reply, or nothing if none is wanted; a status ends the node.
  StatusOr<std::optional<Message>> Answer(const PulledMessage& pulled, std::stop_token stop);
  StatusOr<std::optional<Message>> Refuse(const PulledMessage& pulled, const Status& why);
  StatusOr<Message> Receive(const PulledMessage& pulled, std::stop_token stop);
  std::optional<Message> Handle(const Message& message, const RunMemory& run, std::stop_token stop);

  StatusOr<const RunMemory*> RecallRun(std::uint64_t run_id, std::stop_token stop);
  StatusOr<UserConfig> FetchRunConfig(std::uint64_t run_id, const RunDetails& info,
                                      std::stop_token stop);
  RecordDict& StateOf(std::uint64_t key);
  void TrimObjects();
  double Pause();

  const ClientApp& app_;
  const NodeOptions& options_;
  FleetConnection& connection_;
  Outbox& outbox_;
  Clock& clock_;

  std::list<RunMemory> runs_;      // the one used last in front
  std::list<StateMemory> states_;  // likewise
  /// The last instruction's objects. A strategy's next one often carries the same model.
  ObjectMap objects_;
  std::optional<double> last_message_;  // monotonic time of its end
  double runtime_seconds_ = 0;
};

}  // namespace flwrcpp::internal
