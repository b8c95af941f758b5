// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "superlink/caller.h"

namespace flwrcpp::internal {

/// A request's line and header fields.
using HttpHeader = boost::beast::http::request_header<>;

/// The value of a header field, "" if it is missing.
std::string_view FieldOf(const HttpHeader& header, std::string_view name);

/// Gives a body whose length nobody knows yet, one part at a call; none when it is complete. It may
/// wait, without a thread, as long as the caller does. An error breaks the response off, so that
/// the peer sees that something is missing.
using HttpBodyStream =
    std::function<boost::asio::awaitable<StatusOr<std::optional<std::string>>>(Caller& caller)>;

/// What a handler answers. The body is in pieces, sent one after the other.
struct HttpResponse {
  int status = 200;
  std::string content_type;  ///< Empty: none, as for an empty body.
  std::string fields;        ///< Further header lines, each with its CRLF.
  std::string front;
  Bytes object_head;
  Bytes object_body;
  /// If set, it gives the body in place of the pieces. The header is sent before the first call.
  HttpBodyStream stream;
  /// To be called if the response could not be sent; may be empty.
  std::function<void()> on_lost;

  std::size_t body_size() const { return front.size() + object_head.size() + object_body.size(); }
};

/// An answer that says in JSON what is wrong: `{"detail": …}`.
HttpResponse HttpRefusal(int status, std::string_view detail);

using HttpHandler = std::function<boost::asio::awaitable<HttpResponse>(const HttpHeader& header,
                                                                       Bytes body, Caller& caller)>;

/// Which handler answers which path. Filled before a listener starts, constant from then on.
class HttpRouter {
 public:
  /// `method` is `POST`, or `GET`, which answers HEAD requests too.
  void Add(std::string path, std::string method, HttpHandler handler);

  /// Answers a request: by its handler, or by 404, 405, or 307 for a path with a slash too much.
  boost::asio::awaitable<HttpResponse> Handle(const HttpHeader& header, Bytes body,
                                              Caller& caller) const;

 private:
  struct Route {
    std::string method;
    HttpHandler handler;
  };
  std::map<std::string, Route, std::less<>> routes_;
};

}  // namespace flwrcpp::internal
