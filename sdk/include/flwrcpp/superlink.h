// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// Where a SuperLink listens and what it keeps.
struct SuperLinkOptions {
  std::string host = "127.0.0.1";

  /// Port of the HTTP Fleet API (Flower ≥ 1.40); 0 lets the system choose. Empty: no HTTP.
  std::optional<std::uint16_t> http_port = 8000;

  /// Port of the gRPC Fleet API (Flower 1.20 to 1.39); 0 lets the system choose. Empty: no gRPC.
  std::optional<std::uint16_t> grpc_port;

  /// Port of the classic stream (`FlowerService.Join`), for Flower's `start_client` and nodes with
  /// `Transport::kClassic`; 0 lets the system choose. Empty: no such nodes. Each open stream is a
  /// node of its own, beside those of the Fleet API. It carries no signatures: whoever reaches the
  /// port joins, and `enable_supernode_auth` excludes it.
  std::optional<std::uint16_t> classic_port;

  /// Plain text instead of TLS. Exactly one of this and the certificate must be given.
  bool insecure = false;
  std::string ssl_certificate;  ///< PEM text of the certificate chain.
  std::string ssl_private_key;  ///< PEM text of its key.

  /// SQLite file for all state; empty: in memory, gone with the process.
  std::string database;

  /// Only nodes whose public key was registered beforehand may join.
  bool enable_supernode_auth = false;

  /// Takes runs of Flower apps from `flwr run` (Control API) and lets executors, Flower's SuperExec
  /// as a rule, run their ServerApps (Runtime API), all at `http_port`. Off: runs are started in
  /// this process only.
  bool serve_apps = false;

  /// Secret that executors must share to be given runs; empty: whoever reaches the port may.
  std::string superexec_auth_secret;

  /// How long a pull that finds nothing may wait for a message, up to 28 s; 0 answers at once as
  /// stock does. Stock nodes give up after 30 s.
  std::chrono::duration<double> pull_wait = std::chrono::seconds(20);

  /// Largest request body accepted, in bytes.
  std::size_t max_request_bytes = std::size_t{64} << 20;

  /// Largest message over the classic stream, either way, in bytes: it holds a whole model. Stock
  /// clients accept no more than this unless they are told otherwise.
  std::size_t max_classic_message_bytes = std::size_t{512} << 20;

  /// Threads that serve requests.
  int threads = 2;
};

/// What a run of an in-process ServerApp is called and configured.
struct RunOptions {
  /// Reaches every node as overrides of its run config; with a `fab` its keys must be among the
  /// app's.
  UserConfig run_config;

  /// A FAB (the bytes of what `flwr build` makes), by which Flower's own SuperNodes join the run:
  /// they run its ClientApp, its ServerApp is left aside. Empty: C++ nodes only.
  Bytes fab;

  /// The federation of a run on a remote SuperLink (`@account/name`); empty: the default one.
  std::string federation;
};

/// Hosts a federation: keeps nodes, runs, messages and objects, and serves Flower's Fleet API.
/// (`flower-superlink`) Thread-safe.
class SuperLink {
 public:
  virtual ~SuperLink() = default;

  /// Opens the state and the listeners.
  /// @return `kInvalidArgument` for contradicting options or a bad certificate,
  ///   `kUnavailable` when an address is taken, `kDataLoss` for a damaged database.
  static StatusOr<std::unique_ptr<SuperLink>> Start(SuperLinkOptions options);

  /// The ports really listened on; 0 for a listener that is off.
  virtual std::uint16_t http_port() const = 0;
  virtual std::uint16_t grpc_port() const = 0;
  virtual std::uint16_t classic_port() const = 0;

  /// Registers a node's public key (PEM or OpenSSH text) beforehand, for `enable_supernode_auth`.
  /// @return the node's id; `kAlreadyExists` for a known key; `kInvalidArgument` for no EC key.
  virtual StatusOr<std::uint64_t> RegisterNode(const std::string& public_key) = 0;

  /// Starts a run in this process. Unfinished runs that an earlier process left in the database
  /// are ended (failed) first.
  /// @return `kInvalidArgument` for a FAB that is none, or that knows a key of the config not;
  ///   `kFailedPrecondition` where `serve_apps` is on: executors would take the run for theirs.
  virtual StatusOr<std::shared_ptr<Grid>> StartRun(const RunOptions& options) = 0;

  /// Ends a run: its messages and objects go, nodes that still work on it are told.
  /// `sub_status` is "completed", "failed" or "stopped".
  virtual Status FinishRun(std::uint64_t run_id, const std::string& sub_status,
                           const std::string& details) = 0;

  /// Answers waiting pulls, tells classic nodes to disconnect for good, closes listeners and
  /// connections, and ends. Called by the destructor.
  virtual void Stop() = 0;
};

}  // namespace flwrcpp
