// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/classic/classic_node.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "client/classic/classic_messages.h"
#include "client/classic/classic_stream.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "rpc/flower_status.h"
#include "rpc/retry.h"

namespace flwrcpp::internal {
namespace {

/// A stream that lived this long was a good one, even if nothing was asked on it.
constexpr double kGoodSeconds = 20;

/// Failures that come again on every stream.
bool EndsNode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
      return !IsRetryable(status);
    case StatusCode::kFailedPrecondition:  // another protocol
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
    case StatusCode::kResourceExhausted:  // the model is larger than one side allows
      return true;
    default:
      return false;
  }
}

class ClassicNode {
 public:
  ClassicNode(const ClientApp& app, const NodeOptions& options, Clock& clock)
      : app_(app), options_(options), clock_(clock) {
    transport_.address = options.superlink;
    transport_.insecure = options.insecure;
    transport_.root_certificates = options.root_certificates;
    transport_.max_response_bytes =
        std::min<std::size_t>(options.max_message_bytes, std::numeric_limits<int>::max());
    policy_.max_retries = options.max_retries;
    if (options.max_wait_time) policy_.max_wait_seconds = options.max_wait_time->count();
  }

  Status Run(std::stop_token stop) {
    FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(transport_));
    std::optional<Backoff> backoff;
    while (true) {
      good_ = false;
      const double began = clock_.Monotonic();
      const StatusOr<std::int64_t> pause = Serve(stop);
      if (stop.stop_requested()) return absl::OkStatus();
      if (pause.ok()) {
        if (*pause <= 0) {
          Log(LogLevel::kInfo, "The server at {} lets the node go", options_.superlink);
          return absl::OkStatus();
        }
        Log(LogLevel::kInfo, "Disconnected; back at {} after {} s", options_.superlink, *pause);
        if (!clock_.Sleep(static_cast<double>(*pause), stop)) return absl::OkStatus();
        backoff.reset();
        continue;
      }
      if (EndsNode(pause.status())) return pause.status();
      if (good_ || clock_.Monotonic() - began >= kGoodSeconds) backoff.reset();
      if (!backoff) backoff.emplace(policy_, clock_);
      if (!backoff->Wait(pause.status(), stop)) {
        return stop.stop_requested() ? absl::OkStatus() : pause.status();
      }
    }
  }

 private:
  /// Answers what comes over one stream.
  /// @return the seconds to stay away, as the server asks; else why the stream ended.
  StatusOr<std::int64_t> Serve(std::stop_token stop) {
    ClassicStream stream(transport_);
    FLWRCPP_RETURN_IF_ERROR(stream.WaitUntilOpen(stop));
    Log(LogLevel::kInfo, "The node is connected to {} (classic)", options_.superlink);
    if (options_.on_connected) options_.on_connected(0, "classic");
    while (true) {
      FLWRCPP_ASSIGN_OR_RETURN(const auto proto, stream.Read(stop));
      FLWRCPP_ASSIGN_OR_RETURN(const classic::Instruction instruction,
                               classic::ReadInstruction(proto, clock_.Unix()));
      good_ = true;
      if (const auto* const reconnect = std::get_if<classic::Reconnect>(&instruction)) {
        stream.Leave(classic::WriteDisconnect(*reconnect), stop);
        return reconnect->seconds;
      }
      const Message& message = std::get<Message>(instruction);
      const std::vector<Bytes> reply = classic::WriteReply(message.metadata().message_type,
                                                           Handle(message, stream.ended(), stop));
      FLWRCPP_RETURN_IF_ERROR(stream.Write(reply, stop));
    }
  }

  StatusOr<Message> Handle(const Message& message, const std::stop_token& ended,
                           const std::stop_token& stop) {
    Log(LogLevel::kInfo, "Received a message of type {}", message.metadata().message_type);
    std::stop_source work;
    const std::function<void()> end_work = [&work] { work.request_stop(); };
    const std::stop_callback on_stop(stop, end_work);
    const std::stop_callback on_end(ended, end_work);
    Context context;
    context.node_config = options_.node_config;
    context.state = state_;
    context.stop = work.get_token();
    StatusOr<Message> reply = app_.Handle(message, context);
    if (reply.ok()) state_ = std::move(context.state);
    return reply;
  }

  const ClientApp& app_;
  const NodeOptions& options_;
  Clock& clock_;
  TransportOptions transport_;
  RetryPolicy policy_;
  bool good_ = false;  // the stream brought an instruction
  RecordDict state_;
};

}  // namespace

Status RunClassicNode(const ClientApp& app, const NodeOptions& options, Clock& clock,
                      std::stop_token stop) {
  if (!options.private_key.empty() || !options.state_directory.empty()) {
    return InvalidArgument(
        "the classic stream has neither node authentication nor replies that can be sent later: "
        "leave out the private key and the state directory");
  }
  return ClassicNode(app, options, clock).Run(std::move(stop));
}

}  // namespace flwrcpp::internal
