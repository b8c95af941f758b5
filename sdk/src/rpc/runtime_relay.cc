// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/runtime_relay.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "crypto/runtime_auth.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr char kPullTaskInput[] = "/v1/runtime/pull-task-input";
constexpr std::uint64_t kMaxBody = std::uint64_t{4} << 30;

/// Host and port of an address that `CheckEndpoint` found good.
std::pair<std::string, std::string> SplitAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

/// A connection to where calls are passed on to.
class Upstream {
 public:
  using TlsStream = asio::ssl::stream<tcp::socket>;

  Upstream(asio::io_context& context, asio::ssl::context* tls) {
    if (tls == nullptr) {
      stream_.emplace<tcp::socket>(context);
    } else {
      stream_.emplace<TlsStream>(context, *tls);
    }
  }

  void Connect(const std::string& address) {
    const auto [host, port] = SplitAddress(address);
    tcp::resolver resolver(socket().get_executor());
    asio::connect(socket(), resolver.resolve(host, port));
    socket().set_option(tcp::no_delay(true));
    if (auto* const tls = std::get_if<TlsStream>(&stream_)) {
      SSL_set_tlsext_host_name(tls->native_handle(), host.c_str());
      tls->set_verify_callback(asio::ssl::host_name_verification(host));
      tls->handshake(asio::ssl::stream_base::client);
    }
  }

  Response Exchange(const Request& request) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    const auto exchange = [&](auto& stream) {
      http::write(stream, request);
      http::read(stream, buffer_, parser);
    };
    if (auto* const tls = std::get_if<TlsStream>(&stream_)) {
      exchange(*tls);
    } else {
      exchange(std::get<tcp::socket>(stream_));
    }
    return parser.release();
  }

  tcp::socket& socket() {
    auto* const tls = std::get_if<TlsStream>(&stream_);
    return tls != nullptr ? tls->next_layer() : std::get<tcp::socket>(stream_);
  }

 private:
  std::variant<std::monostate, tcp::socket, TlsStream> stream_;
  beast::flat_buffer buffer_;
};

/// Whether a connection has ended without the beginning of an answer.
bool IsClosed(error_code error) {
  return error == http::error::end_of_stream || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated;
}

class Relay final : public RuntimeRelay {
 public:
  Relay(Endpoint upstream, std::string token, std::string task_input)
      : upstream_(std::move(upstream)),
        token_(std::move(token)),
        task_input_(std::move(task_input)),
        acceptor_(context_) {}

  ~Relay() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (tcp::socket* const socket : sockets_) Shut(*socket);
    }
    // An accept that waits does not notice that its socket is shut down on every system; a
    // connection it does notice.
    try {
      tcp::socket last(context_);
      last.connect({asio::ip::address_v4::loopback(), port_});
    } catch (const boost::system::system_error&) {
      // It has ended already.
    }
    if (accept_thread_.joinable()) accept_thread_.join();
    for (std::thread& thread : threads_) thread.join();
  }

  Status Listen() {
    try {
      if (!upstream_.insecure) {
        tls_.emplace(asio::ssl::context::tls_client);
        tls_->set_verify_mode(asio::ssl::verify_peer);
        if (upstream_.root_certificates.empty()) {
          tls_->set_default_verify_paths();
        } else {
          tls_->add_certificate_authority(asio::buffer(upstream_.root_certificates));
        }
      }
      const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), 0);
      acceptor_.open(endpoint.protocol());
      acceptor_.bind(endpoint);
      acceptor_.listen();
      port_ = acceptor_.local_endpoint().port();
    } catch (const boost::system::system_error& error) {
      return MakeError(StatusCode::kUnavailable, "cannot pass calls of the app on: {}",
                       error.what());
    }
    accept_thread_ = std::thread([this] { Accept(); });
    return absl::OkStatus();
  }

  std::uint16_t port() const override { return port_; }

 private:
  static void Shut(tcp::socket& socket) {
    error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
  }

  void Accept() {
    while (true) {
      error_code error;
      tcp::socket socket = acceptor_.accept(error);
      const std::lock_guard lock(mutex_);
      if (error || stopping_) return;
      threads_.emplace_back([this, taken = std::move(socket)]() mutable { Serve(taken); });
    }
  }

  /// Makes a socket one that the destructor shuts down.
  /// @return false if that runs already.
  bool Add(tcp::socket& socket) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    sockets_.push_back(&socket);
    return true;
  }

  void Remove(tcp::socket& socket) {
    const std::lock_guard lock(mutex_);
    sockets_.remove(&socket);
  }

  void Serve(tcp::socket& app) {
    std::optional<Upstream> upstream;
    if (Add(app)) {
      try {
        PassOn(app, upstream);
      } catch (const boost::system::system_error& error) {
        // The app meets a connection that ends, as it would without us, and tries again.
        Log(LogLevel::kDebug, "a connection of the app ends: {}", error.what());
      }
    }
    const std::lock_guard lock(mutex_);
    sockets_.remove(&app);
    if (upstream) sockets_.remove(&upstream->socket());
    Shut(app);
  }

  /// Passes one call on, over the connection of the call before if that is still open.
  /// @return nothing when the relay ends.
  std::optional<Response> Exchange(const Request& request, std::optional<Upstream>& upstream) {
    if (upstream) {
      try {
        return upstream->Exchange(request);
      } catch (const boost::system::system_error& error) {
        // Servers close connections that were idle for some seconds.
        if (!IsClosed(error.code())) throw;
        Remove(upstream->socket());
      }
    }
    upstream.emplace(context_, tls_ ? &*tls_ : nullptr);
    if (!Add(upstream->socket())) return std::nullopt;
    upstream->Connect(upstream_.address);
    return upstream->Exchange(request);
  }

  void PassOn(tcp::socket& app, std::optional<Upstream>& upstream) {
    app.set_option(tcp::no_delay(true));
    beast::flat_buffer buffer;
    while (true) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(kMaxBody);
      http::read(app, buffer, parser);
      Request request = parser.release();
      const bool keep_alive = request.keep_alive();
      Response response;
      if (request[kTaskTokenHeader] != token_) {
        response.result(http::status::unauthorized);
        response.prepare_payload();
      } else if (request.target() == kPullTaskInput) {
        response.set(http::field::content_type, "application/protobuf");
        response.body() = task_input_;
        response.prepare_payload();
      } else {
        request.set(http::field::host, upstream_.address);
        std::optional<Response> answer = Exchange(request, upstream);
        if (!answer) return;
        response = *std::move(answer);
        if (!response.keep_alive()) {
          http::write(app, response);
          return;
        }
      }
      response.keep_alive(keep_alive);
      http::write(app, response);
      if (!keep_alive) return;
    }
  }

  const Endpoint upstream_;
  const std::string token_;
  const std::string task_input_;
  asio::io_context context_;
  std::optional<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  bool stopping_ = false;
  std::list<tcp::socket*> sockets_;
  std::list<std::thread> threads_;
  std::thread accept_thread_;
};

}  // namespace

StatusOr<std::unique_ptr<RuntimeRelay>> RuntimeRelay::Start(const Endpoint& upstream,
                                                            std::string token,
                                                            std::string task_input) {
  FLWRCPP_RETURN_IF_ERROR(CheckEndpoint(upstream));
  auto relay = std::make_unique<Relay>(upstream, std::move(token), std::move(task_input));
  FLWRCPP_RETURN_IF_ERROR(relay->Listen());
  return relay;
}

}  // namespace flwrcpp::internal
