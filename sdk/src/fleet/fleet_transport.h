// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "crypto/node_auth.h"
#include "fleet/fleet_method.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/node.h"
#include "flwrcpp/status.h"
#include "rpc/endpoint.h"

namespace flwrcpp::internal {

/// One request.
struct FleetCall {
  const RpcMethod& method;
  /// The serialized request in pieces; they are sent as they lie.
  std::span<const Bytes> body;
  const NodeCredentials& credentials;
  std::size_t max_response_bytes = 0;
};

/// Carries the bytes of Fleet calls to a SuperLink and back; knows nothing of what they mean.
/// Thread-safe.
class FleetTransport {
 public:
  virtual ~FleetTransport() = default;

  /// Makes one attempt at a call. A requested `stop` ends it at once.
  /// @return the serialized response, or
  ///   `kUnavailable` when the SuperLink could not be reached, fell silent or is not ready
  ///   (`IsRetryable()` tells whether that may change), `kCancelled` after `stop`,
  ///   `kResourceExhausted` for an answer longer than allowed, or the SuperLink's refusal
  ///   (`FlowerCode()` tells its number).
  virtual StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) = 0;

  /// "http" or "grpc".
  virtual std::string_view wire() const = 0;
};

/// Where a transport connects to.
struct TransportOptions : Endpoint {
  /// Largest answer of any call.
  std::size_t max_response_bytes = 0;
};

/// None of these connects before the first call.
/// @return `kInvalidArgument` for an address or certificates that are none, or contradictions.
StatusOr<std::unique_ptr<FleetTransport>> MakeTransport(Transport transport,
                                                        const TransportOptions& options);

std::unique_ptr<FleetTransport> MakeHttpTransport(const TransportOptions& options);
std::unique_ptr<FleetTransport> MakeGrpcTransport(const TransportOptions& options);
/// Tries HTTP, and gRPC if what answers does not speak HTTP; then keeps to what worked.
std::unique_ptr<FleetTransport> MakeAutoTransport(const TransportOptions& options);

/// Whether a gRPC server answers at the address within a few seconds.
bool SpeaksGrpc(const TransportOptions& options, std::stop_token stop);

}  // namespace flwrcpp::internal
