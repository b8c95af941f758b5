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
#include <vector>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "superlink/api_reply.h"
#include "superlink/caller.h"
#include "superlink/notifier.h"
#include "superlink/runtime_service.h"
#include "superlink/superexec_auth.h"

namespace flwrcpp::internal {

/// The methods of the Runtime API that executors and ServerApps use.
enum class RuntimeRpc {
  kAcquireTask,
  kSendTaskHeartbeat,
  kPullTaskInput,
  kPushTaskOutput,
  kPushLogs,
  kGetNodes,
  kPushMessages,
  kPullMessages,
  kPushObject,
  kPullObject,
  kConfirmMessageReceived,
};

struct RuntimeRpcName {
  RuntimeRpc rpc;
  std::string_view path;  ///< Last part of its HTTP path, e.g. `pull-messages`.
};

/// All methods with their names.
std::span<const RuntimeRpcName> RuntimeRpcNames();

/// A call as its listener received it.
struct RuntimeRequest {
  RuntimeRpc rpc = RuntimeRpc::kAcquireTask;
  Bytes body;                      ///< The serialized request.
  std::string token;               ///< Of a run; empty for a claim.
  SuperExecCredentials superexec;  ///< Of a claim.
};

/// The Runtime API behind its listener: reads a call's request, finds out for which run it is, and
/// has the RuntimeService answer. A pull of a ServerApp is parked until all its messages are
/// answered, a claim until there is a run: stock peers would ask again after seconds only.
/// Thread-safe.
class RuntimeApi {
 public:
  struct Options {
    /// How long a call may wait; 0: not at all.
    std::chrono::steady_clock::duration pull_wait{};
    /// The time in Unix seconds.
    std::function<double()> clock;
  };

  /// The other arguments must outlive the API and its coroutines.
  RuntimeApi(RuntimeService& service, const SuperExecAuthenticator& superexecs, Notifier& notifier,
             Options options);

  /// Answers a call. To be run on an executor that runs one handler at a time (a strand).
  /// @return the reply, or a status as `http/protobuf_call.h` can show it.
  boost::asio::awaitable<StatusOr<ApiReply>> Handle(RuntimeRequest call, Caller& caller);

  /// Answers all parked calls, and from now on each at once.
  void Stop();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  StatusOr<ApiReply> HandleAtOnce(const RuntimeRequest& call);
  boost::asio::awaitable<StatusOr<ApiReply>> HandleClaim(RuntimeRequest call, Caller& caller);
  boost::asio::awaitable<StatusOr<ApiReply>> HandlePull(RuntimeRequest call, Caller& caller);

  /// Waits until `look` says when to look again with a time that has passed, until `deadline`, or
  /// until the caller moves. `look` runs at first, and whenever one of `keys` is notified.
  boost::asio::awaitable<void> Wait(std::vector<NotifierKey> keys, TimePoint deadline,
                                    Caller& caller, std::function<TimePoint()> look);

  RuntimeService& service_;
  const SuperExecAuthenticator& superexecs_;
  Notifier& notifier_;
  const Options options_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace flwrcpp::internal
