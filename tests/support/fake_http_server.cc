// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/fake_http_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace flwrcpp::testing {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

HttpRequest Convert(const http::request<http::string_body>& message, int connection) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = std::string(message.target());
  request.body = message.body();
  request.connection = connection;
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    request.headers[name] = std::string(field.value());
  }
  return request;
}

/// Answers requests until the peer closes, or the handler wants to.
template <typename Stream>
void Serve(Stream& stream, int connection, const FakeHttpServer::Handler& handler) {
  beast::flat_buffer buffer;
  beast::error_code error;
  while (true) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    http::read(stream, buffer, parser, error);
    if (error) return;
    const HttpResponse answer = handler(Convert(parser.get(), connection));
    if (answer.close_without_answer) return;
    http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::content_type, answer.content_type);
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    response.body() = answer.body;
    response.prepare_payload();
    http::write(stream, response, error);
    if (error || answer.close_after_answer) return;
  }
}

}  // namespace

class FakeHttpServer::Impl {
 public:
  Impl(Handler handler, const std::optional<Tls>& tls)
      : handler_(std::move(handler)),
        acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    if (tls) {
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->use_certificate_chain(asio::buffer(tls->certificate));
      tls_->use_private_key(asio::buffer(tls->private_key), asio::ssl::context::pem);
    }
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { Accept(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      // Closing a socket does not wake a thread that waits for it; shutting it down does.
      for (tcp::socket& socket : sockets_) ::shutdown(socket.native_handle(), SHUT_RDWR);
      ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    }
    thread_.join();
    for (std::thread& session : sessions_) session.join();
  }

  std::uint16_t port() const { return port_; }

 private:
  void Accept() {
    for (int connection = 1;; ++connection) {
      beast::error_code error;
      tcp::socket socket(context_);
      acceptor_.accept(socket, error);
      const std::lock_guard lock(mutex_);
      if (stopping_ || error) return;
      socket.set_option(tcp::no_delay(true), error);
      sockets_.push_back(std::move(socket));
      sessions_.emplace_back(
          [this, connection, &mine = sockets_.back()] { Session(connection, mine); });
    }
  }

  void Session(int connection, tcp::socket& socket) {
    beast::error_code error;
    if (tls_) {
      asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
      stream.handshake(asio::ssl::stream_base::server, error);
      if (!error) Serve(stream, connection, handler_);
    } else {
      Serve(socket, connection, handler_);
    }
    // The socket object stays for the destructor, its connection ends.
    ::shutdown(socket.native_handle(), SHUT_RDWR);
  }

  const Handler handler_;
  std::optional<asio::ssl::context> tls_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  bool stopping_ = false;
  std::list<tcp::socket> sockets_;
  std::list<std::thread> sessions_;
  std::thread thread_;
};

FakeHttpServer::FakeHttpServer(Handler handler)
    : impl_(std::make_unique<Impl>(std::move(handler), std::nullopt)) {}
FakeHttpServer::FakeHttpServer(Handler handler, const Tls& tls)
    : impl_(std::make_unique<Impl>(std::move(handler), tls)) {}
FakeHttpServer::~FakeHttpServer() = default;

std::uint16_t FakeHttpServer::port() const { return impl_->port(); }

}  // namespace flwrcpp::testing
