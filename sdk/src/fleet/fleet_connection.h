// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/ec_key.h"
#include "crypto/node_auth.h"
#include "fleet/fleet_transport.h"
#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "records/object.h"
#include "records/wire.h"
#include "rpc/clock.h"
#include "rpc/retry.h"

namespace flwrcpp::internal {

/// An instruction as PullMessages brings it: without content, which lies in the objects.
struct PulledMessage {
  Metadata metadata;
  StatusOr<ObjectTree> tree;  ///< Not OK if the SuperLink sent none, or one that makes no sense.
};

/// What a node wants to know of a run.
struct RunDetails {
  std::uint64_t series_id = 0;  ///< 0 before Flower 1.32.
  std::string fab_hash;         ///< Empty for a run without FAB.
  UserConfig override_config;
};

/// What PushMessages asks for.
struct PushTicket {
  std::vector<std::string> objects_to_push;  ///< Each id once.
  std::string session_id;
};

/// The calls of Flower's Fleet API, one method each: signed, checked, and repeated while the
/// SuperLink cannot be reached (but for PushObject, Deactivate and Unregister).
///
/// All return what `FleetTransport::Call()` returns, and `kInternal` for an answer that makes no
/// sense. Thread-safe once `UseNodeId()` was called.
class FleetConnection {
 public:
  struct Options {
    RetryPolicy retry;
    std::size_t max_object_bytes = 0;
    /// Most nodes of an instruction's object tree.
    std::size_t max_tree_nodes = std::size_t{1} << 20;
  };

  FleetConnection(std::unique_ptr<FleetTransport> transport, EcPrivateKey key, Options options,
                  Clock& clock);

  std::string_view wire() const { return transport_->wire(); }
  const EcPrivateKey& key() const { return key_; }

  /// The id that all later calls carry.
  void UseNodeId(std::uint64_t node_id) { node_id_ = node_id; }
  std::uint64_t node_id() const { return node_id_; }

  StatusOr<std::uint64_t> RegisterNode(std::stop_token stop);
  StatusOr<std::uint64_t> ActivateNode(double heartbeat_interval, std::stop_token stop);
  /// @return false if the SuperLink does not know the node.
  StatusOr<bool> SendNodeHeartbeat(double heartbeat_interval, std::stop_token stop);
  /// @return the next instruction, or nothing if there is none.
  StatusOr<std::optional<PulledMessage>> PullMessages(std::stop_token stop);
  StatusOr<RunDetails> GetRun(std::uint64_t run_id, std::stop_token stop);
  /// As `GetRun()`, but a single attempt.
  Status ProbeRun(std::uint64_t run_id, std::stop_token stop);
  /// @return the FAB, checked against `hash`; `kInvalidArgument` if it does not fit.
  StatusOr<Bytes> GetFab(const std::string& hash, std::uint64_t run_id, std::stop_token stop);
  StatusOr<PullObjectView> PullObject(std::uint64_t run_id, const std::string& object_id,
                                      std::stop_token stop);
  Status ConfirmMessageReceived(std::uint64_t run_id, const std::string& message_id,
                                std::stop_token stop);
  /// @param runtime_seconds how long the ClientApp took.
  StatusOr<PushTicket> PushMessages(const flwr::proto::Message& stub, const ObjectTree& tree,
                                    double runtime_seconds, std::stop_token stop);
  /// @return whether the object was stored.
  StatusOr<bool> PushObject(std::uint64_t run_id, const std::string& session_id,
                            const Object& object, std::stop_token stop);
  Status DeactivateNode(std::stop_token stop);
  Status UnregisterNode(std::stop_token stop);

  // SuperLinks of Flower before 1.23, which have none of the calls that mention registering and
  // activating.

  StatusOr<std::uint64_t> CreateNode(double heartbeat_interval, std::stop_token stop);
  Status DeleteNode(std::stop_token stop);
  /// Sends a heartbeat whose signature is older than SuperLinks of Flower before 1.20 accept.
  Status SendLateHeartbeat(double heartbeat_interval, std::stop_token stop);
  /// Whether the node is one that was created.
  bool is_created() const { return is_created_; }
  void UseCreatedNode(std::uint64_t node_id) {
    node_id_ = node_id;
    is_created_ = true;
  }

 private:
  NodeCredentials Credentials();
  StatusOr<Bytes> Attempt(const RpcMethod& method, std::span<const Bytes> body,
                          std::stop_token stop);
  StatusOr<Bytes> AttemptAs(const NodeCredentials& credentials, const RpcMethod& method,
                            std::span<const Bytes> body, std::stop_token stop);
  StatusOr<Bytes> Call(const RpcMethod& method, std::span<const Bytes> body, std::stop_token stop);
  Status CallProto(const RpcMethod& method, const google::protobuf::MessageLite& request,
                   google::protobuf::MessageLite& response, std::stop_token stop);

  const std::unique_ptr<FleetTransport> transport_;
  const EcPrivateKey key_;
  const Options options_;
  Clock& clock_;
  std::uint64_t node_id_ = 0;
  bool is_created_ = false;
  std::mutex signed_mutex_;
  NodeCredentials signed_;  ///< The latest.
  double signed_at_ = 0;    ///< Unix seconds.
};

}  // namespace flwrcpp::internal
