// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "flwr/proto/message.pb.h"
#include "flwr/proto/runtime.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "records/object.h"
#include "records/wire.h"
#include "rpc/clock.h"
#include "rpc/http_channel.h"
#include "rpc/retry.h"

namespace flwrcpp::internal {

/// A run that an executor got.
struct ClaimedTask {
  std::uint64_t run_id = 0;
  std::string token;
};

/// What PushMessages of an app asks for.
struct AppPushTicket {
  std::vector<std::string> message_ids;  ///< In the order of the messages; "" for a refused one.
  std::vector<std::string> objects_to_push;
  std::string session_id;
};

/// A message as PullMessages of an app brings it: without content, which lies in the objects.
struct PulledStub {
  Message stub;
  StatusOr<ObjectTree> tree;  ///< Not OK if the peer sent none, or one that makes no sense.
};

/// The calls of Flower's Runtime API (HTTP, Flower ≥ 1.40), by which executors and the processes of
/// apps talk to a SuperLink or a SuperNode; repeated while it cannot be reached.
///
/// All return what `HttpChannel::Post()` returns, and `kInternal` for an answer that makes no
/// sense; `kUnauthenticated` means that the task is over. Thread-safe once `UseToken()` was called.
class RuntimeConnection {
 public:
  struct Options {
    RetryPolicy retry;
    std::size_t max_object_bytes = std::size_t{2} << 30;
    /// Most nodes of a message's object tree.
    std::size_t max_tree_nodes = std::size_t{1} << 20;
  };

  /// @param component what Flower calls such a program: "flwr-serverapp", "SuperExec", ….
  RuntimeConnection(const Endpoint& endpoint, std::string component, Options options, Clock& clock);

  /// The token of the task that all other calls are about.
  void UseToken(std::string token) { token_ = std::move(token); }

  /// Claims the oldest pending task of a type.
  /// @param secret what executors share with the SuperLink; empty: nothing.
  /// @return nothing if there is none.
  StatusOr<std::optional<ClaimedTask>> AcquireTask(std::string_view type, std::string_view secret,
                                                   std::stop_token stop);

  /// @return false if the task is over.
  StatusOr<bool> SendTaskHeartbeat(std::stop_token stop);
  /// What the task needs to start; it counts as running from now on. Works once.
  StatusOr<flwr::proto::PullTaskInputResponse> PullTaskInput(std::stop_token stop);
  /// Ends the task.
  Status PushTaskOutput(const flwr::proto::PushTaskOutputRequest& output, std::stop_token stop);
  /// One attempt.
  Status PushLogs(std::uint64_t run_id, std::string text, std::stop_token stop);

  /// The ids of the nodes that are online.
  StatusOr<std::vector<std::uint64_t>> GetNodes(std::stop_token stop);
  /// @param trees one for each message.
  StatusOr<AppPushTicket> PushMessages(std::span<const flwr::proto::Message> stubs,
                                       std::span<const ObjectTree> trees, std::stop_token stop);
  /// @param message_ids of instructions whose replies are wanted; a ClientApp names none.
  StatusOr<std::vector<PulledStub>> PullMessages(std::span<const std::string> message_ids,
                                                 std::stop_token stop);
  /// @return whether the object was stored. Not repeated here.
  StatusOr<bool> PushObject(std::uint64_t node_id, std::uint64_t run_id,
                            const std::string& session_id, const Object& object,
                            std::stop_token stop);
  StatusOr<PullObjectView> PullObject(std::uint64_t node_id, std::uint64_t run_id,
                                      const std::string& object_id, std::stop_token stop);
  Status ConfirmMessageReceived(std::uint64_t node_id, std::uint64_t run_id,
                                const std::string& message_id, std::stop_token stop);

 private:
  StatusOr<Bytes> Call(const RpcMethod& method, std::span<const Bytes> body,
                       std::span<const HttpHeader> headers, std::stop_token stop);
  Status CallProto(const RpcMethod& method, const google::protobuf::MessageLite& request,
                   google::protobuf::MessageLite& response, std::stop_token stop);

  HttpChannel channel_;
  const Options options_;
  Clock& clock_;
  std::string token_;
};

}  // namespace flwrcpp::internal
