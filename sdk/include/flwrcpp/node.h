// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>

#include "flwrcpp/client_app.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// The wire a SuperLink speaks: HTTP since Flower 1.40, gRPC before.
///
/// `kClassic` is the stream of Flower's `start_server` and of `SuperLinkOptions::classic_port`.
/// It carries tasks and their results and nothing else: `Context` has no run id, no node id and no
/// run config there, arrays have the names "0", "1", …, and there are no keys, no heartbeats and no
/// replies that can be sent later. The server may end the node. `kAuto` never chooses it.
enum class Transport { kAuto, kHttp, kGrpc, kClassic };

/// How a node reaches its SuperLink and who it is. Mirrors the flags of `flower-supernode`.
struct NodeOptions {
  /// `host:port` of the SuperLink's Fleet API, or of a classic server.
  std::string superlink = "127.0.0.1:8000";

  /// Plain text instead of TLS. Excludes `root_certificates`.
  bool insecure = false;

  /// PEM text of the CAs to trust; empty: the system's.
  std::string root_certificates;

  /// `kAuto` finds out by itself which wire the SuperLink speaks.
  Transport transport = Transport::kAuto;

  /// Private EC key (text of a PEM, PKCS#8 or OpenSSH file, unencrypted) that is registered with
  /// the SuperLink. Empty: a fresh P-384 key, and the node registers itself.
  std::string private_key;

  /// Seen by the ClientApp as `Context::node_config`.
  UserConfig node_config;

  /// Retries of a call that could not reach the SuperLink; empty: without end.
  std::optional<std::uint64_t> max_retries;

  /// How long such retries may take altogether; empty: without end.
  std::optional<std::chrono::duration<double>> max_wait_time;

  /// Announced to the SuperLink, which takes a node for offline after twice as long without a
  /// heartbeat. The SuperLink accepts 10 s to 30 min.
  std::chrono::duration<double> heartbeat_interval = std::chrono::seconds(30);

  /// Pause between pulls that found nothing: short while a run is active, long when idle. A
  /// SuperLink that parks pulls answers at once anyway.
  std::chrono::duration<double> active_poll_interval = std::chrono::milliseconds(100);
  std::chrono::duration<double> idle_poll_interval = std::chrono::seconds(3);

  /// Objects that are moved at the same time.
  int concurrent_objects = 2;

  /// Largest single object and largest message this node accepts, in bytes.
  std::size_t max_object_bytes = std::size_t{2} << 30;
  std::size_t max_message_bytes = std::size_t{16} << 30;

  /// Directory of this node alone, where finished replies wait until the SuperLink has them; empty:
  /// in memory only. Of use with a `private_key`: else the node is another one after a restart.
  std::string state_directory;

  /// Called once the node is activated, with its id and the wire it uses ("http" or "grpc"); over
  /// the classic stream each time it is connected, with the id 0 and "classic".
  std::function<void(std::uint64_t node_id, std::string_view wire)> on_connected;
};

/// Runs a node until `stop` is requested: registers, activates, keeps its heartbeat, answers
/// messages with `app`, and leaves the federation at the end.
///
/// Blocks; heartbeats run on their own thread whatever the app does.
/// @return OK after a requested stop, or when a classic server lets the node go;
///   `kInvalidArgument` for contradicting options or a bad key; `kUnauthenticated` when the
///   SuperLink refuses the node; `kFailedPrecondition` when it refuses registration or activation,
///   or speaks another protocol; `kUnavailable` when it cannot be reached within the retry limits
///   or its certificate is not trusted; `kResourceExhausted` for a classic server's message, or a
///   reply to it, that is larger than one of the two accepts.
Status RunNode(const ClientApp& app, const NodeOptions& options, std::stop_token stop);

}  // namespace flwrcpp
