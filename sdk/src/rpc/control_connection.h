// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "rpc/clock.h"
#include "rpc/http_channel.h"
#include "rpc/retry.h"

namespace flwrcpp::internal {

/// How far a run is, as the Control API tells it.
struct RunProgress {
  std::string status;      ///< pending, starting, running or finished.
  std::string sub_status;  ///< Once finished: completed, failed or stopped.
  std::string details;
};

/// The calls of Flower's Control API (HTTP, Flower ≥ 1.37) that start, watch and stop a run.
/// Repeated while the SuperLink cannot be reached. Thread-safe.
class ControlConnection {
 public:
  ControlConnection(const Endpoint& endpoint, RetryPolicy retry, Clock& clock);

  /// Submits a FAB.
  /// @param federation empty: the default one.
  /// @return the run's id; a lost answer is not asked for again, for that would start a second run.
  StatusOr<std::uint64_t> StartRun(const Bytes& fab, const UserConfig& overrides,
                                   const std::string& federation, std::stop_token stop);
  StatusOr<RunProgress> GetRun(std::uint64_t run_id, std::stop_token stop);
  Status StopRun(std::uint64_t run_id, std::stop_token stop);

 private:
  template <typename Response, typename Request>
  StatusOr<Response> Call(const RpcMethod& method, const Request& request, std::stop_token stop);

  HttpChannel channel_;
  const RetryPolicy retry_;
  Clock& clock_;
};

}  // namespace flwrcpp::internal
