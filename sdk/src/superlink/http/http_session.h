// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "superlink/http/http_router.h"

namespace flwrcpp::internal {

/// What a connection may cost.
struct HttpLimits {
  std::size_t max_header_bytes = std::size_t{64} << 10;
  std::size_t max_body_bytes = std::size_t{64} << 20;
  std::chrono::seconds handshake_timeout{10};
  /// How long a connection may wait for its next request.
  std::chrono::seconds idle_timeout{60};
  /// How long a transfer may go without progress.
  std::chrono::seconds stall_timeout{60};
};

/// One HTTP/1.1 connection: reads requests, has the router answer them, one after the other.
class HttpSession {
 public:
  virtual ~HttpSession() = default;

  /// Serves the connection; `on_end` is called last. Call once.
  virtual void Start(std::function<void()> on_end) = 0;
  /// Ends the connection after the request it is at, if any. Thread-safe.
  virtual void Stop() = 0;
  /// Closes the connection now. Thread-safe.
  virtual void Abort() = 0;
};

/// @param socket with a strand as its executor.
/// @param tls null for plain text; must outlive the session, as must `router`.
std::shared_ptr<HttpSession> MakeHttpSession(boost::asio::ip::tcp::socket socket,
                                             boost::asio::ssl::context* tls,
                                             const HttpRouter& router, const HttpLimits& limits);

}  // namespace flwrcpp::internal
