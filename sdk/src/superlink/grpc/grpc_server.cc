// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/grpc/grpc_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/listen.h"

namespace flwrcpp::internal {
namespace {

// What Flower's own peers agree upon.
constexpr int kKeepaliveMilliseconds = 210'000;
constexpr int kMaxConcurrentStreams = 1000;

/// Room for the fields around what `max_request_bytes` allows.
constexpr std::size_t kEnvelope = 4096;
/// Time that calls get to end when the server stops.
constexpr std::chrono::seconds kStopPatience{5};

}  // namespace

Status GrpcServer::Start(boost::asio::io_context& io, const GrpcServerOptions& options,
                         grpc::CallbackGenericService& service) {
  // gRPC says on stderr, and only there, why an address cannot be had: ask first.
  FLWRCPP_RETURN_IF_ERROR(Listen(io, options.host, options.port).status());

  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (options.certificate.has_value()) {
    grpc::SslServerCredentialsOptions ssl;
    ssl.pem_key_cert_pairs.push_back(
        {options.certificate->private_key, options.certificate->chain});
    credentials = grpc::SslServerCredentials(ssl);
  }
  const bool is_ipv6 = options.host.find(':') != std::string::npos;
  const std::string address =
      fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", options.host, is_ipv6 ? "]" : "", options.port);
  constexpr std::size_t kMaxInt = std::numeric_limits<int>::max();

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterCallbackGenericService(&service);
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min(options.max_request_bytes + kEnvelope, kMaxInt)));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  // Two SuperLinks on one port would each get some of the nodes.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    return MakeError(StatusCode::kUnavailable, "gRPC cannot listen on {}", address);
  }
  port_ = static_cast<std::uint16_t>(port);
  return absl::OkStatus();
}

void GrpcServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + kStopPatience);
  server_.reset();
}

}  // namespace flwrcpp::internal
