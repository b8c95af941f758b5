// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/node.h"

#include <mutex>
#include <thread>
#include <utility>

#include "client/classic/classic_node.h"
#include "client/heartbeat.h"
#include "client/join.h"
#include "client/node_loop.h"
#include "client/outbox.h"
#include "client/run_node.h"
#include "crypto/ec_key.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace internal {
namespace {

/// How long a node that is told to stop tries to send a reply that is finished.
constexpr double kLastFlushSeconds = 10;

Status CheckOptions(const NodeOptions& options) {
  if (options.heartbeat_interval.count() <= 0 || options.active_poll_interval.count() <= 0 ||
      options.idle_poll_interval.count() <= 0) {
    return InvalidArgument("the intervals of a node must be longer than 0 s");
  }
  if (options.concurrent_objects < 1) {
    return InvalidArgument("concurrent_objects is {}, expected at least 1",
                           options.concurrent_objects);
  }
  if (options.max_object_bytes == 0 || options.max_message_bytes == 0) {
    return InvalidArgument("max_object_bytes and max_message_bytes must not be 0");
  }
  return absl::OkStatus();
}

RetryPolicy PolicyOf(const NodeOptions& options) {
  RetryPolicy policy;
  policy.max_retries = options.max_retries;
  if (options.max_wait_time) policy.max_wait_seconds = options.max_wait_time->count();
  return policy;
}

/// The stop of a node's loop: requested by the caller, or by the heartbeat with a reason.
class LoopStop {
 public:
  explicit LoopStop(const std::stop_token& caller)
      : forward_(caller, [this] { source_.request_stop(); }) {}

  std::stop_token token() const { return source_.get_token(); }

  void StopBecause(const Status& reason) {
    {
      const std::lock_guard lock(mutex_);
      reason_ = reason;
    }
    source_.request_stop();
  }

  /// OK unless `StopBecause()` was called.
  Status reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  std::stop_source source_;
  mutable std::mutex mutex_;
  Status reason_;
  std::stop_callback<std::function<void()>> forward_;  // last: uses `source_`
};

/// Sends what is finished, for a limited time.
void FlushLast(Outbox& outbox, Clock& clock) {
  if (outbox.empty()) return;
  std::stop_source enough;
  const std::jthread timer([&](std::stop_token done) {
    if (clock.Sleep(kLastFlushSeconds, done)) enough.request_stop();
  });
  const Status status = outbox.Flush(enough.get_token());
  if (!status.ok()) Log(LogLevel::kWarning, "{}", std::string(status.message()));
}

void Leave(FleetConnection& connection, bool unregister) {
  // The SuperLink would notice by itself that the node is gone: failures do not matter.
  Status status;
  if (connection.is_created()) {
    status = connection.DeleteNode({});
  } else {
    status = connection.DeactivateNode({});
    if (unregister) status.Update(connection.UnregisterNode({}));
  }
  if (!status.ok()) Log(LogLevel::kDebug, "While leaving: {}", std::string(status.message()));
}

}  // namespace

Status RunNode(const ClientApp& app, const NodeOptions& options, Clock& clock,
               std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions(options));
  if (options.transport == Transport::kClassic) {
    return RunClassicNode(app, options, clock, std::move(stop));
  }
  const bool own_key = options.private_key.empty();
  EcPrivateKey key = EcPrivateKey::Generate();
  if (!own_key) {
    FLWRCPP_ASSIGN_OR_RETURN(key, EcPrivateKey::Parse(options.private_key));
  }
  if (own_key && !options.state_directory.empty()) {
    Log(LogLevel::kWarning,
        "A state directory is of use only together with a private key: a node with a fresh key is "
        "another node after a restart");
  }
  const std::string directory = own_key ? "" : options.state_directory;
  FLWRCPP_ASSIGN_OR_RETURN(
      std::unique_ptr<FleetTransport> transport,
      MakeTransport(
          options.transport,
          {options.superlink, options.insecure, options.root_certificates,
           std::max(options.max_object_bytes, fleet_method::kGetFab.max_response_bytes)}));
  const RetryPolicy retry = PolicyOf(options);
  FleetConnection connection(std::move(transport), std::move(key),
                             {retry, options.max_object_bytes}, clock);

  const double heartbeat_interval = options.heartbeat_interval.count();
  const Status joined = Join(
      connection, clock, {own_key, heartbeat_interval, directory, retry.max_wait_seconds}, stop);
  if (!joined.ok()) return stop.stop_requested() ? absl::OkStatus() : joined;
  Log(LogLevel::kInfo, "Node {} is connected to {} ({})", connection.node_id(), options.superlink,
      connection.wire());

  Outbox outbox(connection, clock, {directory, options.concurrent_objects, retry});
  Status result = outbox.Load();
  if (result.ok()) {
    if (options.on_connected) options.on_connected(connection.node_id(), connection.wire());
    LoopStop loop_stop(stop);
    const Heartbeat heartbeat(connection, clock, heartbeat_interval,
                              [&](const Status& refused) { loop_stop.StopBecause(refused); });
    result = NodeLoop(app, options, connection, outbox, clock).Run(loop_stop.token());
    if (!loop_stop.reason().ok()) result = loop_stop.reason();
    if (result.code() == StatusCode::kCancelled) {
      FlushLast(outbox, clock);
      result = absl::OkStatus();
    }
    if (!outbox.empty()) {
      Log(LogLevel::kError, "Leaving with a finished reply that the SuperLink does not have; it {}",
          directory.empty() ? "is lost" : "waits in the state directory");
    }
  }
  if (result.code() != StatusCode::kUnauthenticated) Leave(connection, own_key);
  return result;
}

}  // namespace internal

Status RunNode(const ClientApp& app, const NodeOptions& options, std::stop_token stop) {
  return internal::RunNode(app, options, internal::Clock::System(), std::move(stop));
}

}  // namespace flwrcpp
