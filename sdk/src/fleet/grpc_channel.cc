// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "fleet/grpc_channel.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "internal/errors.h"
#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

/// What Flower's own peers agree upon; servers close connections that ping more often.
constexpr int kKeepaliveMilliseconds = 210'000;
constexpr int kFirstReconnectMilliseconds = 500;
constexpr int kLongestReconnectMilliseconds = 5'000;
/// Room for the fields around an object's content.
constexpr std::size_t kEnvelope = 4096;

/// A slice over the bytes of `piece` that shares their ownership.
grpc::Slice ShareSlice(const Bytes& piece) {
  auto owner = std::make_unique<Bytes>(piece);
  return {const_cast<char*>(piece.data()), piece.size(),
          [](void* data) { delete static_cast<Bytes*>(data); }, owner.release()};
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

}  // namespace

std::shared_ptr<grpc::Channel> MakeGrpcChannel(const TransportOptions& options) {
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

Status StatusFromChannel(const grpc::Status& status, const TransportOptions& options) {
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

grpc::ByteBuffer ToByteBuffer(std::span<const Bytes> pieces) {
  std::vector<grpc::Slice> slices;
  for (const Bytes& piece : pieces) {
    if (!piece.empty()) slices.push_back(ShareSlice(piece));
  }
  return {slices.data(), slices.size()};
}

}  // namespace flwrcpp::internal
