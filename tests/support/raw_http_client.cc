// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_http_client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>
#include <chrono>
#include <utility>

namespace flwrcpp::testing {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kPatience{20};

}  // namespace

class RawHttpClient::Impl {
 public:
  Impl(std::uint16_t port, const std::string& root_certificates)
      : tls_(!root_certificates.empty()), context_(asio::ssl::context::tls_client) {
    error_code error;
    if (tls_) {
      context_.set_verify_mode(asio::ssl::verify_peer);
      context_.add_certificate_authority(asio::buffer(root_certificates), error);
    }
    stream_ = std::make_unique<asio::ssl::stream<tcp::socket>>(io_, context_);
    socket().connect({asio::ip::make_address("127.0.0.1"), port}, error);
    if (error) return;
    socket().set_option(tcp::no_delay(true), error);
    if (tls_) {
      error = Await([&](auto done) {
        stream_->async_handshake(asio::ssl::stream_base::client, std::move(done));
      });
    }
    connected_ = !error;
  }

  bool connected() const { return connected_; }

  bool Send(std::string_view bytes) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    return !Await([&](auto done) {
      if (tls_) {
        asio::async_write(*stream_, buffer, std::move(done));
      } else {
        asio::async_write(socket(), buffer, std::move(done));
      }
    });
  }

  std::optional<RawHttpResponse> Receive(bool head) {
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    parser.body_limit(boost::none);
    const error_code error = Await([&](auto done) {
      if (tls_) {
        http::async_read(*stream_, buffer_, parser, std::move(done));
      } else {
        http::async_read(socket(), buffer_, parser, std::move(done));
      }
    });
    if (error) return std::nullopt;
    RawHttpResponse response;
    response.status = parser.get().result_int();
    for (const auto& field : parser.get()) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      response.headers[name] = std::string(field.value());
    }
    response.body = parser.get().body();
    return response;
  }

  std::optional<std::string> ReceiveUntil(std::string_view end) {
    for (;;) {
      const std::string_view there(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      if (const std::size_t at = there.find(end); at != std::string_view::npos) {
        return Take(at + end.size());
      }
      if (!ReadSome()) return std::nullopt;
    }
  }

  std::optional<std::string> ReceiveBytes(std::size_t size) {
    while (buffer_.size() < size) {
      if (!ReadSome()) return std::nullopt;
    }
    return Take(size);
  }

  bool IsClosed() {
    char byte = 0;
    const error_code error = AwaitSome(asio::buffer(&byte, 1));
    return error && error != asio::error::timed_out;
  }

  void Close(bool abruptly) {
    error_code ignored;
    if (abruptly) socket().set_option(asio::socket_base::linger(true, 0), ignored);
    socket().close(ignored);
  }

 private:
  /// Runs an operation; closes the connection if it takes too long. (Asio's blocking calls go on
  /// when a timeout of the socket has passed.)
  template <typename Start>
  error_code Await(Start start) {
    std::optional<error_code> result;
    start([&](const error_code& error, std::size_t size = 0) {
      result = error;
      size_ = size;
    });
    io_.restart();
    io_.run_for(kPatience);
    if (result.has_value()) return *result;
    Close(/*abruptly=*/false);
    io_.restart();
    io_.run();
    return asio::error::timed_out;
  }

  error_code AwaitSome(const asio::mutable_buffer& space) {
    return Await([&](auto done) {
      if (tls_) {
        stream_->async_read_some(space, std::move(done));
      } else {
        socket().async_read_some(space, std::move(done));
      }
    });
  }

  bool ReadSome() {
    const error_code error = AwaitSome(buffer_.prepare(4096));
    if (!error) buffer_.commit(size_);
    return !error;
  }

  std::string Take(std::size_t size) {
    std::string bytes(static_cast<const char*>(buffer_.data().data()), size);
    buffer_.consume(size);
    return bytes;
  }

  tcp::socket& socket() { return stream_->next_layer(); }

  const bool tls_;
  asio::io_context io_;
  asio::ssl::context context_;
  std::unique_ptr<asio::ssl::stream<tcp::socket>> stream_;
  boost::beast::flat_buffer buffer_;
  bool connected_ = false;
  std::size_t size_ = 0;  // of what the last operation moved
};

RawHttpClient::RawHttpClient(std::uint16_t port) : RawHttpClient(port, "") {}
RawHttpClient::RawHttpClient(std::uint16_t port, const std::string& root_certificates)
    : impl_(std::make_unique<Impl>(port, root_certificates)) {}
RawHttpClient::~RawHttpClient() = default;
RawHttpClient::RawHttpClient(RawHttpClient&&) noexcept = default;
RawHttpClient& RawHttpClient::operator=(RawHttpClient&&) noexcept = default;

bool RawHttpClient::connected() const { return impl_->connected(); }
bool RawHttpClient::Send(std::string_view bytes) { return impl_->Send(bytes); }
std::optional<RawHttpResponse> RawHttpClient::Receive(bool head) { return impl_->Receive(head); }
std::optional<std::string> RawHttpClient::ReceiveUntil(std::string_view end) {
  return impl_->ReceiveUntil(end);
}
std::optional<std::string> RawHttpClient::ReceiveBytes(std::size_t size) {
  return impl_->ReceiveBytes(size);
}
bool RawHttpClient::IsClosed() { return impl_->IsClosed(); }
void RawHttpClient::Close(bool abruptly) { impl_->Close(abruptly); }

std::string PostRequest(std::string_view path, std::string_view header_lines,
                        std::string_view body) {
  std::string request = "POST ";
  request.append(path).append(" HTTP/1.1\r\nHost: superlink\r\nContent-Length: ");
  request.append(std::to_string(body.size())).append("\r\n").append(header_lines);
  request.append("\r\n").append(body);
  return request;
}

}  // namespace flwrcpp::testing
