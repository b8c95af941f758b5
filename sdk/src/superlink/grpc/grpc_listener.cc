// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/grpc/grpc_listener.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "superlink/grpc/grpc_call.h"
#include "superlink/grpc/handover.h"
#include "superlink/listen.h"

namespace flwrcpp::internal {
namespace {

// What Flower's own peers agree upon.
constexpr int kKeepaliveMilliseconds = 210'000;
constexpr int kMaxConcurrentStreams = 1000;

/// Room for the fields around what `max_request_bytes` allows.
constexpr std::size_t kEnvelope = 4096;
/// Time that calls get to end when the listener stops.
constexpr std::chrono::seconds kStopPatience{5};

/// Answers calls that nobody knows.
class UnknownCall final : public grpc::ServerGenericBidiReactor {
 public:
  UnknownCall() {
    HandOver(this);
    StartRead(&request_);
  }

  void OnReadDone(bool) override {
    TakeOver(this);
    HandOver(this);
    Finish({grpc::StatusCode::UNIMPLEMENTED,
            "this SuperLink does not know the call; it speaks the Fleet API since Flower 1.23"});
  }

  void OnDone() override {
    TakeOver(this);
    delete this;
  }

 private:
  grpc::ByteBuffer request_;
};

/// All calls arrive here as bytes, so that objects are not copied through protobuf.
class FleetGenericService final : public grpc::CallbackGenericService {
 public:
  FleetGenericService(boost::asio::io_context& io, FleetApi& api) : io_(io), api_(api) {
    for (const FleetRpcName& rpc : FleetRpcNames()) {
      rpcs_.emplace("/flwr.proto.Fleet/" + std::string(rpc.name), rpc.rpc);
    }
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const auto found = rpcs_.find(context->method());
    if (found == rpcs_.end()) return new UnknownCall();
    return MakeGrpcCall(io_, api_, found->second, *context);
  }

 private:
  boost::asio::io_context& io_;
  FleetApi& api_;
  std::map<std::string, FleetRpc> rpcs_;
};

class Listener final : public GrpcListener {
 public:
  Listener(boost::asio::io_context& io, FleetApi& api) : io_(io), service_(io, api) {}
  ~Listener() override { Stop(); }

  Status Start(const GrpcListenerOptions& options) {
    // gRPC says on stderr, and only there, why an address cannot be had: ask first.
    FLWRCPP_RETURN_IF_ERROR(Listen(io_, options.host, options.port).status());

    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (options.certificate.has_value()) {
      grpc::SslServerCredentialsOptions ssl;
      ssl.pem_key_cert_pairs.push_back(
          {options.certificate->private_key, options.certificate->chain});
      credentials = grpc::SslServerCredentials(ssl);
    }
    const bool is_ipv6 = options.host.find(':') != std::string::npos;
    const std::string address = fmt::format("{}{}{}:{}", is_ipv6 ? "[" : "", options.host,
                                            is_ipv6 ? "]" : "", options.port);
    constexpr std::size_t kMaxInt = std::numeric_limits<int>::max();

    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, credentials, &port);
    builder.RegisterCallbackGenericService(&service_);
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

  std::uint16_t port() const override { return port_; }

  void Stop() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + kStopPatience);
    server_.reset();
  }

 private:
  boost::asio::io_context& io_;
  FleetGenericService service_;
  std::unique_ptr<grpc::Server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace

StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Start(boost::asio::io_context& io,
                                                            FleetApi& api,
                                                            const GrpcListenerOptions& options) {
  auto listener = std::make_unique<Listener>(io, api);
  const Status status = listener->Start(options);
  if (!status.ok()) return status;
  return StatusOr<std::unique_ptr<GrpcListener>>(std::move(listener));
}

}  // namespace flwrcpp::internal
