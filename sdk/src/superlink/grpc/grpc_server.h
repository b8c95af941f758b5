// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flwrcpp/status.h"
#include "superlink/server_certificate.h"

namespace flwrcpp::internal {

struct GrpcServerOptions {
  std::string host;
  std::uint16_t port = 0;
  std::optional<ServerCertificate> certificate;  ///< None: plain text.
  std::size_t max_request_bytes = 0;
};

/// A gRPC server with one service that takes all calls as bytes.
class GrpcServer {
 public:
  ~GrpcServer() { Stop(); }

  /// @param io for a look at the address; `service` must outlive the server.
  /// @return `kUnavailable` when the address is taken or cannot be listened on. Once only.
  Status Start(boost::asio::io_context& io, const GrpcServerOptions& options,
               grpc::CallbackGenericService& service);

  std::uint16_t port() const { return port_; }

  /// Refuses new calls, gives those that run some seconds to end, cancels the others and returns
  /// when all have ended.
  void Stop();

 private:
  std::unique_ptr<grpc::Server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace flwrcpp::internal
