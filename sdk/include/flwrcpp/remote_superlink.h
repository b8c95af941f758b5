// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace flwrcpp {

/// A SuperLink in another process, Flower's (≥ 1.40) or ours, and how a ServerApp reaches its
/// Control and Runtime APIs.
struct RemoteSuperLink {
  std::string address = "127.0.0.1:8000";  ///< `host:port`

  /// Plain text instead of TLS. Excludes `root_certificates`.
  bool insecure = false;

  /// PEM text of the CAs to trust; empty: the system's.
  std::string root_certificates;

  /// Secret that the SuperLink shares with its executors (raw bytes of
  /// `--superexec-auth-secret-file`); empty: none. Not needed for a task whose token is known.
  std::string superexec_auth_secret;

  /// Retries of a call that could not reach the SuperLink; empty: without end.
  std::optional<std::uint64_t> max_retries;

  /// How long such retries may take altogether; empty: without end.
  std::optional<std::chrono::duration<double>> max_wait_time;

  /// While a run lasts, what this process writes to stdout and stderr also goes to the run's log,
  /// where `flwr log` shows it.
  bool capture_output = true;

  /// Objects that are moved at the same time.
  int concurrent_objects = 2;

  /// Largest single object and largest message accepted, in bytes.
  std::size_t max_object_bytes = std::size_t{2} << 30;
  std::size_t max_message_bytes = std::size_t{16} << 30;
};

}  // namespace flwrcpp
