// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/node_auth.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "superlink/api_reply.h"
#include "superlink/caller.h"
#include "superlink/early_nodes.h"
#include "superlink/fleet_service.h"
#include "superlink/latest_pulls.h"
#include "superlink/node_authenticator.h"
#include "superlink/notifier.h"

namespace flwrcpp::internal {

enum class FleetRpc {
  kRegisterNode,
  kActivateNode,
  kDeactivateNode,
  kUnregisterNode,
  kSendNodeHeartbeat,
  kPullMessages,
  kPushMessages,
  kPullObject,
  kPushObject,
  kConfirmMessageReceived,
  kGetRun,
  kGetFab,
  // Of Flower before 1.23.
  kCreateNode,
  kDeleteNode,
  kPing,
};

struct FleetRpcName {
  FleetRpc rpc;
  std::string_view name;  ///< As gRPC calls it, e.g. `PullMessages`.
  /// Last part of its HTTP path, e.g. `pull-messages`; empty for what only gRPC has.
  std::string_view path;
};

/// All methods with their names.
std::span<const FleetRpcName> FleetRpcNames();

/// A call as a listener received it.
struct FleetRequest {
  FleetRpc rpc;
  Bytes body;  ///< The serialized request.
  /// `kUnauthenticated` if the listener could not read them.
  StatusOr<NodeCredentials> credentials;
};

/// The Fleet API behind all listeners: reads a call's request, finds out who calls, and has the
/// FleetService answer. A pull that finds nothing is parked: it waits, without a thread, until
/// there is something to say. Thread-safe.
class FleetApi {
 public:
  struct Options {
    /// How long a pull may wait; 0: not at all.
    std::chrono::steady_clock::duration pull_wait{};
    /// The time in Unix seconds.
    std::function<double()> clock;
  };

  /// `service` and `notifier` must outlive the API and its coroutines.
  FleetApi(FleetService& service, Notifier& notifier, Options options);

  /// Answers a call. To be run on an executor that runs one handler at a time (a strand).
  /// @return the reply, or a status as HTTP and gRPC listeners can show it (`api_error.h`).
  boost::asio::awaitable<StatusOr<ApiReply>> Handle(FleetRequest call, Caller& caller);

  /// Answers all parked pulls, and from now on each pull at once.
  void Stop();

 private:
  StatusOr<ApiReply> HandleAtOnce(const FleetRequest& call);
  /// A call of Flower before 1.23.
  StatusOr<ApiReply> HandleEarly(const FleetRequest& call);
  boost::asio::awaitable<StatusOr<ApiReply>> HandlePull(FleetRequest call, Caller& caller);
  /// One look for an instruction, if the caller is still there to get it.
  StatusOr<ApiReply> Pull(std::uint64_t node_id, const flwr::proto::PullMessagesRequest& request,
                          Caller& caller);

  /// Parses the request and checks that its sender is who it says.
  template <typename Request>
  StatusOr<Request> Authenticate(const FleetRequest& call);
  Status CheckSignature(const FleetRequest& call);
  Status CheckIsNode(const FleetRequest& call, std::uint64_t node_id);

  FleetService& service_;
  Notifier& notifier_;
  const Options options_;
  NodeAuthenticator authenticator_;
  EarlyNodes early_nodes_;
  LatestPulls latest_pulls_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace flwrcpp::internal
