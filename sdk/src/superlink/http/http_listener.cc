// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/http_listener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "internal/log.h"
#include "internal/status_macros.h"
#include "superlink/listen.h"
#include "superlink/tls_context.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Time that requests get to end when the listener stops.
constexpr std::chrono::seconds kStopPatience{5};
/// Pause after a failure to accept, as when the process is out of file descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};

class Listener final : public HttpListener {
 public:
  Listener(asio::io_context& io, const HttpRouter& router, const HttpLimits& limits,
           std::unique_ptr<asio::ssl::context> tls, tcp::acceptor acceptor)
      : io_(io),
        router_(router),
        limits_(limits),
        tls_(std::move(tls)),
        acceptor_(std::move(acceptor)) {
    error_code ignored;
    port_ = acceptor_.local_endpoint(ignored).port();
    asio::co_spawn(acceptor_.get_executor(), Accept(), [this](std::exception_ptr) {
      const std::lock_guard lock(mutex_);
      accepting_ = false;
      changed_.notify_all();
    });
  }

  ~Listener() override { Stop(); }

  std::uint16_t port() const override { return port_; }

  void Stop() override {
    std::unique_lock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
    });
    changed_.wait(lock, [this] { return !accepting_; });
    for (const auto& session : sessions_) session->Stop();
    const auto ended = [this] { return sessions_.empty(); };
    if (changed_.wait_for(lock, kStopPatience, ended)) return;
    for (const auto& session : sessions_) session->Abort();
    changed_.wait(lock, ended);
  }

 private:
  asio::awaitable<void> Accept() {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open()) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::make_strand(io_),
                                                             asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted) break;
      if (error) {
        Log(LogLevel::kWarning, "a connection was not accepted: {}", error.message());
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        continue;
      }
      Serve(std::move(socket));
    }
  }

  void Serve(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    // A peer that lost power is noticed after some minutes.
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const std::shared_ptr<HttpSession> session =
        MakeHttpSession(std::move(socket), tls_.get(), router_, limits_);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      sessions_.insert(session);
    }
    session->Start([this, session] {
      const std::lock_guard lock(mutex_);
      sessions_.erase(session);
      changed_.notify_all();
    });
  }

  asio::io_context& io_;
  const HttpRouter& router_;
  const HttpLimits limits_;
  const std::unique_ptr<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool accepting_ = true;
  bool stopping_ = false;
  std::unordered_set<std::shared_ptr<HttpSession>> sessions_;
};

}  // namespace

StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(asio::io_context& io,
                                                            const HttpRouter& router,
                                                            HttpListenerOptions options) {
  std::unique_ptr<asio::ssl::context> tls;
  if (options.certificate.has_value()) {
    FLWRCPP_ASSIGN_OR_RETURN(tls, MakeTlsContext(*options.certificate));
  }
  FLWRCPP_ASSIGN_OR_RETURN(tcp::acceptor acceptor, Listen(io, options.host, options.port));
  return std::make_unique<Listener>(io, router, options.limits, std::move(tls),
                                    std::move(acceptor));
}

}  // namespace flwrcpp::internal
