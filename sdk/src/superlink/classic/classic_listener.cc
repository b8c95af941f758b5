// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/classic/classic_listener.h"

#include <grpcpp/generic/async_generic_service.h>

#include <utility>

#include "internal/handover.h"
#include "superlink/classic/classic_call.h"

namespace flwrcpp::internal {
namespace {

constexpr char kJoin[] = "/flwr.proto.FlowerService/Join";

/// Ends calls of another kind.
class OtherCall final : public grpc::ServerGenericBidiReactor {
 public:
  OtherCall() {
    HandOver(this);
    StartSendInitialMetadata();
  }

  void OnSendInitialMetadataDone(bool /*good*/) override {
    TakeOver(this);
    HandOver(this);
    Finish({grpc::StatusCode::UNIMPLEMENTED,
            "this port serves classic clients (FlowerService.Join) only"});
  }

  void OnDone() override {
    TakeOver(this);
    delete this;
  }
};

class Listener final : public ClassicListener, private grpc::CallbackGenericService {
 public:
  Listener(boost::asio::io_context& io, const ClassicContext& context,
           const ClassicListenerOptions& options)
      : io_(io),
        context_(context),
        streams_(options.max_streams),
        call_options_{context_, streams_, options.server.max_request_bytes} {}
  ~Listener() override { Stop(); }

  Status Start(const GrpcServerOptions& options) { return server_.Start(io_, options, *this); }

  std::uint16_t port() const override { return server_.port(); }

  void Stop() override {
    streams_.Stop();
    server_.Stop();
  }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    if (context->method() != kJoin) return new OtherCall();
    return MakeClassicCall(io_, call_options_);
  }

  boost::asio::io_context& io_;
  const ClassicContext context_;
  ClassicStreams streams_;
  const ClassicCallOptions call_options_;
  GrpcServer server_;
};

}  // namespace

StatusOr<std::unique_ptr<ClassicListener>> ClassicListener::Start(
    boost::asio::io_context& io, const ClassicContext& context,
    const ClassicListenerOptions& options) {
  auto listener = std::make_unique<Listener>(io, context, options);
  const Status status = listener->Start(options.server);
  if (!status.ok()) return status;
  return StatusOr<std::unique_ptr<ClassicListener>>(std::move(listener));
}

}  // namespace flwrcpp::internal
