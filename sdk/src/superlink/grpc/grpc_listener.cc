// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/grpc/grpc_listener.h"

#include <fmt/format.h>
#include <grpcpp/support/byte_buffer.h>

#include <map>
#include <string>
#include <utility>

#include "internal/handover.h"
#include "internal/releases.h"
#include "superlink/grpc/grpc_call.h"

namespace flwrcpp::internal {
namespace {

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
            fmt::format(
                "this SuperLink does not know the call: it serves nodes of Flower {}.{} or later",
                release::kOldestNode.major, release::kOldestNode.minor)});
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

  Status Start(const GrpcServerOptions& options) { return server_.Start(io_, options, service_); }

  std::uint16_t port() const override { return server_.port(); }

  void Stop() override { server_.Stop(); }

 private:
  boost::asio::io_context& io_;
  FleetGenericService service_;
  GrpcServer server_;
};

}  // namespace

StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Start(boost::asio::io_context& io,
                                                            FleetApi& api,
                                                            const GrpcServerOptions& options) {
  auto listener = std::make_unique<Listener>(io, api);
  const Status status = listener->Start(options);
  if (!status.ok()) return status;
  return StatusOr<std::unique_ptr<GrpcListener>>(std::move(listener));
}

}  // namespace flwrcpp::internal
