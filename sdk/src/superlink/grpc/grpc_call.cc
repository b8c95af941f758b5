// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/grpc/grpc_call.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "internal/handover.h"
#include "internal/log.h"
#include "superlink/api_error.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;

/// A call's request in one piece. gRPC receives it in many; this is the one copy that is made.
Bytes Join(const grpc::ByteBuffer& buffer) {
  auto slice = std::make_shared<grpc::Slice>();
  if (!buffer.TrySingleSlice(slice.get()).ok() && !buffer.DumpToSingleSlice(slice.get()).ok()) {
    return {};
  }
  const std::string_view view(reinterpret_cast<const char*>(slice->begin()), slice->size());
  return {std::move(slice), view};
}

/// A slice that keeps `bytes` alive instead of copying them.
grpc::Slice Share(const Bytes& bytes) {
  auto owner = std::make_unique<Bytes>(bytes);
  return {const_cast<char*>(bytes.data()), bytes.size(),
          [](void* data) { delete static_cast<Bytes*>(data); }, owner.release()};
}

grpc::ByteBuffer ToBuffer(const ApiReply& reply) {
  std::vector<grpc::Slice> slices;
  slices.emplace_back(reply.front);
  if (!reply.object_head.empty()) slices.push_back(Share(reply.object_head));
  if (!reply.object_body.empty()) slices.push_back(Share(reply.object_body));
  return {slices.data(), slices.size()};
}

/// The absl codes are gRPC's.
grpc::Status ToGrpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), GrpcErrorMessage(status)};
}

std::string MetadataOf(const grpc::GenericCallbackServerContext& context, const std::string& key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

NodeCredentials CredentialsOf(const grpc::GenericCallbackServerContext& context) {
  NodeCredentials credentials;
  credentials.public_pem = MetadataOf(context, std::string(node_auth::kPublicKeyHeader) + "-bin");
  credentials.timestamp = MetadataOf(context, node_auth::kTimestampHeader);
  credentials.signature = MetadataOf(context, std::string(node_auth::kSignatureHeader) + "-bin");
  return credentials;
}

class GrpcCall final : public grpc::ServerGenericBidiReactor, public Caller {
 public:
  GrpcCall(asio::io_context& io, FleetApi& api, FleetRpc rpc,
           const grpc::GenericCallbackServerContext& context)
      : io_(io), api_(api), rpc_(rpc), credentials_(CredentialsOf(context)) {
    HandOver(this);
    StartRead(&request_);
  }

  // From gRPC's threads.

  void OnReadDone(bool ok) override {
    TakeOver(this);
    if (!ok) {
      End({grpc::StatusCode::INVALID_ARGUMENT, "the call has no request"});
      return;
    }
    asio::co_spawn(asio::make_strand(io_), Answer(), [this](std::exception_ptr error) {
      if (!error) return;
      Log(LogLevel::kError, "a gRPC call ended by an exception");
      End({grpc::StatusCode::INTERNAL, "The SuperLink failed to answer."});
    });
  }

  void OnWriteDone(bool ok) override {
    TakeOver(this);
    if (!ok && reply_->on_lost) reply_->on_lost();
    End(grpc::Status::OK);
  }

  void OnCancel() override {
    TakeOver(this);
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
      if (on_change_) on_change_();
    }
    HandOver(this);
  }

  void OnDone() override {
    TakeOver(this);
    delete this;
  }

  // From the call's strand.

  Caller::State state() override {
    const std::lock_guard lock(mutex_);
    return gone_ ? Caller::State::kGone : Caller::State::kWaiting;
  }

  void Watch(std::function<void()> on_change) override {
    const std::lock_guard lock(mutex_);
    on_change_ = std::move(on_change);
    if (gone_) on_change_();
  }

  void StopWatching() override {
    const std::lock_guard lock(mutex_);
    on_change_ = nullptr;
  }

 private:
  asio::awaitable<void> Answer() {
    FleetRequest request{rpc_, Join(request_), std::move(credentials_)};
    request_.Clear();
    reply_ = co_await api_.Handle(std::move(request), *this);
    // Either of these hands the call back to gRPC, which may delete it at once.
    if (reply_.ok()) {
      response_ = ToBuffer(*reply_);
      HandOver(this);
      StartWrite(&response_);
    } else {
      End(ToGrpc(reply_.status()));
    }
  }

  void End(const grpc::Status& status) {
    HandOver(this);
    Finish(status);
  }

  asio::io_context& io_;
  FleetApi& api_;
  const FleetRpc rpc_;
  NodeCredentials credentials_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  StatusOr<ApiReply> reply_ = ApiReply();

  std::mutex mutex_;
  bool gone_ = false;
  std::function<void()> on_change_;
};

}  // namespace

grpc::ServerGenericBidiReactor* MakeGrpcCall(asio::io_context& io, FleetApi& api, FleetRpc rpc,
                                             const grpc::GenericCallbackServerContext& context) {
  return new GrpcCall(io, api, rpc, context);
}

}  // namespace flwrcpp::internal
