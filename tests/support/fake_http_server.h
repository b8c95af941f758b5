// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace flwrcpp::testing {

struct HttpRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body = {};
  int connection = 0;  ///< Number of the connection it came over, from 1.
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/protobuf";
  std::string body = {};
  std::map<std::string, std::string> headers = {};
  bool close_without_answer = false;
  bool close_after_answer = false;  ///< Without saying so, as a server does when it is idle.
};

/// An HTTP/1.1 server on 127.0.0.1, on a port that the system picks, one thread a connection.
class FakeHttpServer {
 public:
  /// Called from the threads of the connections.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  /// Certificates in PEM; without them it speaks plain text.
  struct Tls {
    std::string certificate;
    std::string private_key;
  };

  explicit FakeHttpServer(Handler handler);
  FakeHttpServer(Handler handler, const Tls& tls);
  ~FakeHttpServer();
  FakeHttpServer(const FakeHttpServer&) = delete;
  FakeHttpServer& operator=(const FakeHttpServer&) = delete;

  std::uint16_t port() const;
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flwrcpp::testing
