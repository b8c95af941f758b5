// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "flwrcpp/status.h"
#include "superlink/fleet_api.h"
#include "superlink/grpc/grpc_server.h"

namespace flwrcpp::internal {

/// Serves the Fleet API over gRPC, as SuperNodes before Flower 1.40 speak it.
class GrpcListener {
 public:
  virtual ~GrpcListener() = default;

  /// @param io runs the calls; it and `api` must outlive the listener.
  /// @return `kUnavailable` when the address is taken or cannot be listened on.
  static StatusOr<std::unique_ptr<GrpcListener>> Start(boost::asio::io_context& io, FleetApi& api,
                                                       const GrpcServerOptions& options);

  virtual std::uint16_t port() const = 0;

  /// Refuses new calls, ends those that run and returns when they have ended. The destructor calls
  /// it. Called by one thread at a time, while `io` runs.
  virtual void Stop() = 0;
};

}  // namespace flwrcpp::internal
