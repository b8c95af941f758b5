// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/runtime_api.h"

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/wire.h"
#include "superlink/waker.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

/// A SuperExec that waits for an answer does not notice that it is to end.
constexpr std::chrono::seconds kMaxClaimWait{2};
/// Waits that are as good as endless: no clock need be watched for them.
constexpr std::chrono::hours kLongestWait{1};
/// Between two looks at what only time can change, and at replies that come in swarms.
constexpr std::chrono::milliseconds kShortestWait{5};

constexpr std::array kRpcNames = {
    RuntimeRpcName{RuntimeRpc::kAcquireTask, "acquire-task"},
    RuntimeRpcName{RuntimeRpc::kSendTaskHeartbeat, "send-task-heartbeat"},
    RuntimeRpcName{RuntimeRpc::kPullTaskInput, "pull-task-input"},
    RuntimeRpcName{RuntimeRpc::kPushTaskOutput, "push-task-output"},
    RuntimeRpcName{RuntimeRpc::kPushLogs, "push-logs"},
    RuntimeRpcName{RuntimeRpc::kGetNodes, "get-nodes"},
    RuntimeRpcName{RuntimeRpc::kPushMessages, "push-messages"},
    RuntimeRpcName{RuntimeRpc::kPullMessages, "pull-messages"},
    RuntimeRpcName{RuntimeRpc::kPushObject, "push-object"},
    RuntimeRpcName{RuntimeRpc::kPullObject, "pull-object"},
    RuntimeRpcName{RuntimeRpc::kConfirmMessageReceived, "confirm-message-received"},
};

/// A list of keys. GCC 12 takes no braces in an expression that is awaited.
template <typename... Keys>
std::vector<NotifierKey> Topics(Keys... keys) {
  return {keys...};
}

}  // namespace

std::span<const RuntimeRpcName> RuntimeRpcNames() { return kRpcNames; }

RuntimeApi::RuntimeApi(RuntimeService& service, const SuperExecAuthenticator& superexecs,
                       Notifier& notifier, Options options)
    : service_(service),
      superexecs_(superexecs),
      notifier_(notifier),
      options_(std::move(options)) {}

asio::awaitable<StatusOr<ApiReply>> RuntimeApi::Handle(RuntimeRequest call, Caller& caller) {
  if (call.rpc == RuntimeRpc::kAcquireTask) {
    co_return co_await HandleClaim(std::move(call), caller);
  }
  if (call.rpc == RuntimeRpc::kPullMessages) {
    co_return co_await HandlePull(std::move(call), caller);
  }
  co_return HandleAtOnce(call);
}

void RuntimeApi::Stop() {
  stopping_ = true;
  notifier_.NotifyAll();
}

StatusOr<ApiReply> RuntimeApi::HandleAtOnce(const RuntimeRequest& call) {
  FLWRCPP_ASSIGN_OR_RETURN(const RunInfo run, service_.FindRun(call.token));
  switch (call.rpc) {
    case RuntimeRpc::kSendTaskHeartbeat:
      return Serialize(service_.SendTaskHeartbeat(call.token));
    case RuntimeRpc::kPullTaskInput:
      return Serialize(service_.PullTaskInput(call.token));
    case RuntimeRpc::kGetNodes:
      return Serialize(service_.GetNodes());
    case RuntimeRpc::kPushTaskOutput: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               ParseRequest<flwr::proto::PushTaskOutputRequest>(call.body));
      return Serialize(service_.PushTaskOutput(run, request));
    }
    case RuntimeRpc::kPushLogs: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               ParseRequest<flwr::proto::PushLogsRequest>(call.body));
      return Serialize(service_.PushLogs(run, request));
    }
    case RuntimeRpc::kPushMessages: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               ParseRequest<flwr::proto::PushAppMessagesRequest>(call.body));
      return Serialize(service_.PushMessages(run, request));
    }
    case RuntimeRpc::kPushObject: {
      // Read by hand: protobuf would copy the object.
      const StatusOr<PushObjectView> request = ParsePushObjectRequest(call.body);
      if (!request.ok()) return ApiError(ApiErrorCode::kInvalidProtobuf, "");
      return Serialize(service_.PushObject(run.run_id, request->node_id, request->object_id,
                                           request->session_id, request->content));
    }
    case RuntimeRpc::kPullObject: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               ParseRequest<flwr::proto::PullObjectRequest>(call.body));
      FLWRCPP_ASSIGN_OR_RETURN(const StoredObject stored, service_.PullObject(run.run_id, request));
      return Serialize(stored);
    }
    case RuntimeRpc::kConfirmMessageReceived: {
      FLWRCPP_ASSIGN_OR_RETURN(const auto request,
                               ParseRequest<flwr::proto::ConfirmMessageReceivedRequest>(call.body));
      return Serialize(service_.ConfirmMessageReceived(run.run_id, request));
    }
    case RuntimeRpc::kAcquireTask:
    case RuntimeRpc::kPullMessages:
      break;  // Handled elsewhere.
  }
  return MakeError(StatusCode::kUnimplemented, "there is no such call");
}

asio::awaitable<StatusOr<ApiReply>> RuntimeApi::HandleClaim(RuntimeRequest call, Caller& caller) {
  const auto request = ParseRequest<flwr::proto::AcquireTaskRequest>(call.body);
  if (!request.ok()) co_return request.status();
  const Status trusted = superexecs_.Verify(call.superexec, superexec_auth::kAcquireTaskMethod,
                                            call.body.view(), options_.clock());
  if (!trusted.ok()) co_return trusted;

  StatusOr<flwr::proto::AcquireTaskResponse> claimed = flwr::proto::AcquireTaskResponse();
  const auto look = [&]() -> TimePoint {
    // A claim that nobody hears of would keep the run from the others for half a minute.
    if (caller.state() != Caller::State::kWaiting) return steady_clock::now();
    claimed = service_.AcquireTask(*request);
    const bool waits = claimed.ok() && claimed->token().empty();
    return waits ? TimePoint::max() : steady_clock::now();
  };
  const auto wait = std::min<steady_clock::duration>(options_.pull_wait, kMaxClaimWait);
  co_await Wait(Topics(NotifierKey{Topic::kPendingRuns, 0}), steady_clock::now() + wait, caller,
                look);
  co_return Serialize(claimed);
}

asio::awaitable<StatusOr<ApiReply>> RuntimeApi::HandlePull(RuntimeRequest call, Caller& caller) {
  const auto request = ParseRequest<flwr::proto::PullAppMessagesRequest>(call.body);
  if (!request.ok()) co_return request.status();
  StatusOr<RunInfo> run = service_.FindRun(call.token);
  if (!run.ok()) co_return run.status();
  const std::vector<std::string> message_ids(request->message_ids().begin(),
                                             request->message_ids().end());

  std::vector<std::string> open = message_ids;
  const auto look = [&]() -> TimePoint {
    run = service_.FindRun(call.token);  // which ends when the run is stopped
    if (!run.ok()) return steady_clock::now();
    const StatusOr<double> next = service_.RemoveAnswered(run->run_id, open);
    if (!next.ok() || open.empty()) return steady_clock::now();
    const std::chrono::duration<double> wait(*next - options_.clock());
    if (wait > kLongestWait) return TimePoint::max();
    return steady_clock::now() +
           std::max(kShortestWait, std::chrono::ceil<std::chrono::milliseconds>(wait));
  };
  co_await Wait(Topics(NotifierKey{Topic::kReplies, run->run_id}, NotifierKey{Topic::kNodes, 0}),
                steady_clock::now() + options_.pull_wait, caller, look);
  if (!run.ok()) co_return run.status();
  if (caller.state() == Caller::State::kGone) {
    co_return MakeError(StatusCode::kUnavailable, "the ServerApp has gone");
  }
  co_return Serialize(service_.PullMessages(run->run_id, message_ids));
}

asio::awaitable<void> RuntimeApi::Wait(std::vector<NotifierKey> keys, TimePoint deadline,
                                       Caller& caller, std::function<TimePoint()> look) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto waker = std::make_shared<Waker>(executor);
  std::vector<Notifier::Subscription> subscriptions;
  for (const NotifierKey& key : keys) {
    subscriptions.push_back(notifier_.Subscribe(key, [waker] { waker->Wake(); }));
  }
  caller.Watch([waker] { waker->Wake(); });
  while (true) {
    const TimePoint next = look();
    const TimePoint now = steady_clock::now();
    if (next <= now || now >= deadline || stopping_ || caller.state() != Caller::State::kWaiting) {
      break;
    }
    co_await waker->SleepUntil(std::min(next, deadline));
  }
  caller.StopWatching();
}

}  // namespace flwrcpp::internal
