// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_http_client.h"

#include <sys/socket.h>
#include <sys/time.h>

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

namespace flwrcpp::testing {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kPatienceSeconds = 20;

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
    const timeval patience{kPatienceSeconds, 0};
    setsockopt(socket().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket().native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (tls_) stream_->handshake(asio::ssl::stream_base::client, error);
    connected_ = !error;
  }

  bool connected() const { return connected_; }

  bool Send(std::string_view bytes) {
    error_code error;
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    if (tls_) {
      asio::write(*stream_, buffer, error);
    } else {
      asio::write(socket(), buffer, error);
    }
    return !error;
  }

  std::optional<RawHttpResponse> Receive(bool head) {
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    parser.body_limit(boost::none);
    error_code error;
    if (tls_) {
      http::read(*stream_, buffer_, parser, error);
    } else {
      http::read(socket(), buffer_, parser, error);
    }
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
    error_code error;
    const auto buffer = asio::buffer(&byte, 1);
    const std::size_t size =
        tls_ ? stream_->read_some(buffer, error) : socket().read_some(buffer, error);
    return size == 0 && error && error != asio::error::try_again &&
           error != asio::error::would_block;
  }

  void Close(bool abruptly) {
    error_code ignored;
    if (abruptly) socket().set_option(asio::socket_base::linger(true, 0), ignored);
    socket().close(ignored);
  }

 private:
  bool ReadSome() {
    error_code error;
    const auto space = buffer_.prepare(4096);
    buffer_.commit(tls_ ? stream_->read_some(space, error) : socket().read_some(space, error));
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
