// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <initializer_list>
#include <limits>
#include <vector>

#include "fleet/fleet_transport.h"
#include "flwrcpp/version.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "records/object.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

/// What Flower's own peers agree upon; servers close connections that ping more often.
constexpr int kKeepaliveMilliseconds = 210'000;
constexpr int kFirstReconnectMilliseconds = 500;
constexpr int kLongestReconnectMilliseconds = 5'000;
/// gRPC has but one deadline for a whole call: it grows with what is to be moved.
constexpr std::size_t kSlowestLinkBytesPerSecond = 64 * 1024;
constexpr std::chrono::seconds kProbeTimeout(5);
/// Room for the fields around an object's content.
constexpr std::size_t kEnvelope = 4096;

std::shared_ptr<grpc::Channel> MakeChannel(const TransportOptions& options) {
  grpc::ChannelArguments arguments;
  const std::size_t max_message = options.max_response_bytes + kEnvelope;
  arguments.SetMaxReceiveMessageSize(
      static_cast<int>(std::min<std::size_t>(max_message, std::numeric_limits<int>::max())));
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // FleetConnection retries
  // A probe must not leave its channel's state to the transport that follows.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (options.insecure) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = options.root_certificates;
    credentials = grpc::SslCredentials(ssl);
  }
  return grpc::CreateCustomChannel(options.address, credentials, arguments);
}

/// A slice over the bytes of `piece` that shares their ownership.
grpc::Slice ShareSlice(const Bytes& piece) {
  auto owner = std::make_unique<Bytes>(piece);
  return {const_cast<char*>(piece.data()), piece.size(),
          [](void* data) { delete static_cast<Bytes*>(data); }, owner.release()};
}

Bytes ToBytes(const grpc::ByteBuffer& buffer) {
  auto slice = std::make_shared<grpc::Slice>();
  if (buffer.TrySingleSlice(slice.get()).ok() || buffer.DumpToSingleSlice(slice.get()).ok()) {
    const std::string_view view(reinterpret_cast<const char*>(slice->begin()), slice->size());
    return {std::move(slice), view};
  }
  return {};
}

/// Whether `text` contains one of `parts`, which are in lower case, however it is written: the
/// words of TLS errors differ between the libraries that gRPC is built with.
bool ContainsAny(std::string text, std::initializer_list<std::string_view> parts) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c == '_' ? ' ' : static_cast<char>(std::tolower(c));
  });
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

/// gRPC reports failed handshakes as plain unavailability.
Status StatusFromTransport(const grpc::Status& status, const TransportOptions& options) {
  const std::string& address = options.address;
  const std::string& details = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    if (ContainsAny(details, {"certificate verify failed", "peer certificate",
                              "hostname verification", "wrong version number"})) {
      return PermanentFailure(fmt::format(
          "the SuperLink's certificate is not trusted, or it does not speak TLS, at {}: {}",
          address, details));
    }
    // Not JSON from the SuperLink but words of the library.
    if (!details.starts_with('{')) {
      const bool refused = ContainsAny(details, {"refused"});
      return MakeError(StatusCode::kUnavailable, "cannot reach the SuperLink at {}: {}{}", address,
                       details, options.insecure && !refused ? " (does it expect TLS?)" : "");
    }
  }
  return StatusFromGrpc(status.error_code(), details);
}

class GrpcTransport final : public FleetTransport {
 public:
  explicit GrpcTransport(const TransportOptions& options)
      : options_(options), channel_(MakeChannel(options)), stub_(channel_) {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) override {
    if (stop.stop_requested()) return MakeError(StatusCode::kCancelled, "stop requested");
    std::vector<grpc::Slice> slices;
    std::size_t moved = call.method.large_response ? kArrayChunkSize : 0;
    for (const Bytes& piece : call.body) {
      moved += piece.size();
      if (!piece.empty()) slices.push_back(ShareSlice(piece));
    }
    const grpc::ByteBuffer request(slices.data(), slices.size());

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
      return StatusFromTransport(status, options_);
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
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(options);
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
