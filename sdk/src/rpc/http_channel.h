// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "rpc/endpoint.h"
#include "rpc/method.h"

namespace flwrcpp::internal {

class CurlHandle;

struct HttpHeader {
  std::string_view name;
  std::string_view value;
};

/// One request.
struct HttpCall {
  const RpcMethod& method;
  /// The serialized request in pieces; they are sent as they lie.
  std::span<const Bytes> body;
  /// Besides those that all calls have.
  std::span<const HttpHeader> headers;
  std::size_t max_response_bytes = 0;
};

/// Posts serialized protobuf to one of Flower's HTTP APIs and brings the answers, over connections
/// that it keeps. Thread-safe.
class HttpChannel {
 public:
  /// Connects at the first call.
  /// @param component what Flower would call the program: "SuperNode", "flwr-serverapp", …
  HttpChannel(const Endpoint& endpoint, std::string component);
  ~HttpChannel();
  HttpChannel(const HttpChannel&) = delete;
  HttpChannel& operator=(const HttpChannel&) = delete;

  /// Makes one attempt at a call, and another one without naming a release if the peer insists on
  /// its own. A requested `stop` ends it at once.
  /// @return the serialized response, or
  ///   `kUnavailable` when the peer could not be reached, fell silent or is not ready
  ///   (`IsRetryable()` tells whether that may change), `kCancelled` after `stop`,
  ///   `kResourceExhausted` for an answer longer than allowed, or the peer's refusal
  ///   (`FlowerCode()` tells its number).
  StatusOr<Bytes> Post(const HttpCall& call, std::stop_token stop);

 private:
  StatusOr<Bytes> PostOnce(const HttpCall& call, bool name_release, std::stop_token stop);
  std::unique_ptr<CurlHandle> Acquire();
  void Release(std::unique_ptr<CurlHandle> handle);
  void NoteVersionMessage(const CurlHandle& handle);

  const Endpoint endpoint_;
  const std::string origin_;
  const std::string component_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CurlHandle>> idle_;
  std::atomic<bool> version_noted_{false};
  std::atomic<bool> names_release_{true};
};

}  // namespace flwrcpp::internal
