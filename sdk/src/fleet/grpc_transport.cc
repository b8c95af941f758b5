// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>

#include "fleet/fleet_transport.h"
#include "fleet/grpc_channel.h"
#include "flwrcpp/version.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/releases.h"
#include "records/object.h"

namespace flwrcpp::internal {
namespace {

/// gRPC has but one deadline for a whole call: it grows with what is to be moved.
constexpr std::size_t kSlowestLinkBytesPerSecond = 64 * 1024;
constexpr std::chrono::seconds kProbeTimeout(5);

Bytes ToBytes(const grpc::ByteBuffer& buffer) {
  auto slice = std::make_shared<grpc::Slice>();
  if (buffer.TrySingleSlice(slice.get()).ok() || buffer.DumpToSingleSlice(slice.get()).ok()) {
    const std::string_view view(reinterpret_cast<const char*>(slice->begin()), slice->size());
    return {std::move(slice), view};
  }
  return {};
}

class GrpcTransport final : public FleetTransport {
 public:
  explicit GrpcTransport(const TransportOptions& options)
      : options_(options), channel_(MakeGrpcChannel(options)), stub_(channel_) {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) override {
    if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
    std::size_t moved = call.method.large_response ? kArrayChunkSize : 0;
    for (const Bytes& piece : call.body) moved += piece.size();
    const grpc::ByteBuffer request = ToByteBuffer(call.body);

    grpc::ClientContext context;
    AddMetadata(call.credentials, context);
    const std::chrono::seconds transfer(moved / kSlowestLinkBytesPerSecond);
    context.set_deadline(std::chrono::system_clock::now() + call.method.timeout + transfer);

    grpc::CompletionQueue queue;
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto reader = stub_.PrepareUnaryCall(
        &context, "/flwr.proto.Fleet/" + std::string(call.method.name), request, &queue);
    reader->StartCall();
    reader->Finish(&response, &status, nullptr);
    {
      const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
      void* tag = nullptr;
      bool good = false;
      queue.Next(&tag, &good);  // ends by the deadline at the latest
    }
    NoteVersionMessage(context);
    if (!status.ok()) {
      if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
        return MakeError(StatusCode::kUnimplemented,
                         "the server at {} does not know {}: it is no SuperLink of Flower {}.{} or "
                         "later; a server of `start_server` needs the classic transport",
                         options_.address, call.method.name, release::kOldestNode.major,
                         release::kOldestNode.minor);
      }
      return StatusFromChannel(status, options_);
    }
    Bytes answer = ToBytes(response);
    if (answer.size() > call.max_response_bytes) {
      return MakeError(StatusCode::kResourceExhausted, "the answer is longer than {} bytes",
                       call.max_response_bytes);
    }
    return answer;
  }

  std::string_view wire() const override { return "grpc"; }

 private:
  static void AddMetadata(const NodeCredentials& credentials, grpc::ClientContext& context) {
    context.AddMetadata("flwr-package-name", "flwr");
    context.AddMetadata("flwr-package-version", std::string(FlowerVersion()));
    context.AddMetadata("flwr-component-name", "SuperNode");
    // Names ending in -bin carry raw bytes.
    context.AddMetadata(std::string(node_auth::kPublicKeyHeader) + "-bin", credentials.public_pem);
    context.AddMetadata(node_auth::kTimestampHeader, credentials.timestamp);
    context.AddMetadata(std::string(node_auth::kSignatureHeader) + "-bin", credentials.signature);
  }

  void NoteVersionMessage(const grpc::ClientContext& context) {
    const auto& trailer = context.GetServerTrailingMetadata();
    const auto found = trailer.find("flwr-version-incompatibility-message");
    if (found != trailer.end() && !version_noted_.exchange(true)) {
      Log(LogLevel::kWarning, "The SuperLink says: {}",
          std::string(found->second.data(), found->second.size()));
    }
  }

  const TransportOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  std::atomic<bool> version_noted_{false};
};

}  // namespace

std::unique_ptr<FleetTransport> MakeGrpcTransport(const TransportOptions& options) {
  return std::make_unique<GrpcTransport>(options);
}

bool SpeaksGrpc(const TransportOptions& options, std::stop_token stop) {
  const std::shared_ptr<grpc::Channel> channel = MakeGrpcChannel(options);
  const auto deadline = std::chrono::system_clock::now() + kProbeTimeout;
  grpc_connectivity_state state = channel->GetState(/*try_to_connect=*/true);
  // The channel is ready once the peer's HTTP/2 settings have come; one failure is answer enough.
  while (state != GRPC_CHANNEL_READY && state != GRPC_CHANNEL_TRANSIENT_FAILURE &&
         !stop.stop_requested() && channel->WaitForStateChange(state, deadline)) {
    state = channel->GetState(/*try_to_connect=*/true);
  }
  return state == GRPC_CHANNEL_READY;
}

}  // namespace flwrcpp::internal
