// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flwrcpp/status.h"
#include "superlink/http/http_router.h"
#include "superlink/http/http_session.h"
#include "superlink/server_certificate.h"

namespace flwrcpp::internal {

struct HttpListenerOptions {
  std::string host;
  std::uint16_t port = 0;
  std::optional<ServerCertificate> certificate;  ///< None: plain text.
  HttpLimits limits;
};

/// Accepts HTTP/1.1 connections and serves them.
class HttpListener {
 public:
  virtual ~HttpListener() = default;

  /// @param io is run by whoever made it, from several threads if wanted; it and `router` must
  ///   outlive the listener.
  /// @return `kUnavailable` when the address is taken or cannot be listened on;
  ///   `kInvalidArgument` for an unknown host or a bad certificate.
  static StatusOr<std::unique_ptr<HttpListener>> Start(boost::asio::io_context& io,
                                                       const HttpRouter& router,
                                                       HttpListenerOptions options);

  virtual std::uint16_t port() const = 0;

  /// Ends all connections, those in a request after it, and returns when they have ended. The
  /// destructor calls it. Called by one thread at a time, while `io` runs.
  virtual void Stop() = 0;
};

}  // namespace flwrcpp::internal
