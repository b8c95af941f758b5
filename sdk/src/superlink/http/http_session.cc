// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/http/http_session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "internal/block.h"
#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using TlsStream = asio::ssl::stream<asio::ip::tcp::socket>;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

/// Where headers are read into. What is read of a body together with its header is copied once
/// more, so this is not larger than headers are.
constexpr std::size_t kHeaderBuffer = 4096;

/// Most bytes of one system call; Asio would stop at 64 KiB.
constexpr std::size_t kMaxTransfer = std::size_t{1} << 20;

/// What a peer may send on after it was refused, so that it gets to read why.
constexpr std::size_t kMaxDrain = std::size_t{256} << 20;
constexpr std::chrono::seconds kDrainTimeout{5};

constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// A request, or the refusal that it deserves before anybody looks at it.
struct Incoming {
  HttpHeader header;
  Bytes body;
  bool keep_alive = false;
  std::optional<HttpResponse> refusal;
};

HttpResponse RefusalOf(const error_code& error) {
  if (error == http::error::header_limit) return HttpRefusal(431, "the header is too large");
  if (error == http::error::body_limit) return HttpRefusal(413, "the body is too large");
  return HttpRefusal(400, "this is no HTTP/1.1 request");
}

bool IsHttpError(const error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

/// How the end of a body is found that has no length: only HTTP/1.1 knows chunks.
bool IsChunked(const HttpResponse& response, const HttpHeader& request) {
  return response.stream && request.version() >= 11;
}

std::string HeaderText(const HttpResponse& response, const HttpHeader& request, bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                                 std::string_view(reason.data(), reason.size()));
  if (IsChunked(response, request)) {
    text += "Transfer-Encoding: chunked\r\n";
  } else if (!response.stream) {
    text += fmt::format("Content-Length: {}\r\n", response.body_size());
  }
  if (!response.content_type.empty()) {
    text += fmt::format("Content-Type: {}\r\n", response.content_type);
  }
  text += response.fields;
  if (!keep_alive) {
    text += "Connection: close\r\n";
  } else if (request.version() < 11) {
    text += "Connection: keep-alive\r\n";
  }
  text += "\r\n";
  return text;
}

template <typename Stream>
class Session final : public HttpSession,
                      public Caller,
                      public std::enable_shared_from_this<Session<Stream>> {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  template <typename... Args>
  Session(const HttpRouter& router, const HttpLimits& limits, Args&&... args)
      : router_(router),
        limits_(limits),
        stream_(std::forward<Args>(args)...),
        buffer_(limits.max_header_bytes + kHeaderBuffer),
        watchdog_(stream_.get_executor()) {
    buffer_.reserve(kHeaderBuffer);
  }

  void Start(std::function<void()> on_end) override {
    const auto self = this->shared_from_this();
    asio::co_spawn(stream_.get_executor(), Run(),
                   [self, on_end = std::move(on_end)](std::exception_ptr error) {
                     if (error) Log(LogLevel::kError, "an HTTP connection ended by an exception");
                     self->Close();
                     on_end();
                   });
  }

  void Stop() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      self->stopping_ = true;
      if (!self->busy_) self->Close();
    });
  }

  void Abort() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->Close(); });
  }

  Caller::State state() override {
    char byte = 0;
    const ssize_t size = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Over TLS what is there to read may be the announcement of the end.
    if (size > 0) return Caller::State::kTalking;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
      return Caller::State::kWaiting;
    }
    return Caller::State::kGone;
  }

  void Watch(std::function<void()> on_change) override {
    // The call is being handled and may take its time; how long is up to it.
    deadline_ = Clock::time_point::max();
    socket().async_wait(asio::ip::tcp::socket::wait_read,
                        [on_change = std::move(on_change)](const error_code& error) {
                          if (!error) on_change();
                        });
  }

  void StopWatching() override {
    error_code ignored;
    socket().cancel(ignored);  // nothing but the wait is going on
    Touch();
  }

 private:
  asio::ip::tcp::socket& socket() {
    if constexpr (kTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  asio::awaitable<void> Run() {
    Touch();
    GuardDeadline();
    if constexpr (kTls) {
      deadline_ = Clock::now() + limits_.handshake_timeout;
      auto [error] = co_await stream_.async_handshake(TlsStream::server, kToken);
      if (error) {
        Log(LogLevel::kDebug, "a TLS handshake failed: {}", error.message());
        co_return;
      }
    }
    while (!stopping_) {
      std::optional<Incoming> request = co_await ReadRequest();
      if (!request.has_value()) break;
      const bool refused = request->refusal.has_value();
      HttpResponse response;
      if (refused) {
        response = *std::move(request->refusal);
      } else {
        response = co_await router_.Handle(request->header, std::move(request->body), *this);
      }
      const bool ends_by_closing = response.stream && !IsChunked(response, request->header);
      const bool keep_alive = request->keep_alive && !refused && !stopping_ && !ends_by_closing;
      const bool sent = response.stream
                            ? co_await WriteStream(response, request->header, keep_alive)
                            : co_await Write(response, request->header, keep_alive);
      if (!sent && response.on_lost) response.on_lost();
      if (!sent) co_return;
      if (refused) co_await Drain();
      if (!keep_alive) break;
    }
    if constexpr (kTls) {
      deadline_ = Clock::now() + kDrainTimeout;
      co_await stream_.async_shutdown(kToken);
    }
  }

  /// @return none when the connection is at its end.
  asio::awaitable<std::optional<Incoming>> ReadRequest() {
    busy_ = buffer_.size() > 0;
    deadline_ = Clock::now() + limits_.idle_timeout;
    Incoming request;
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits_.max_header_bytes));
    parser.body_limit(boost::none);  // checked below
    auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kToken);
    busy_ = true;
    if (error) {
      if (!IsHttpError(error)) co_return std::nullopt;
      request.refusal = RefusalOf(error);
      co_return request;
    }
    Touch();
    request.keep_alive = parser.get().keep_alive();
    const boost::optional<std::uint64_t> length = parser.content_length();
    const bool chunked = parser.chunked();
    if (length && *length > limits_.max_body_bytes) {
      request.header = std::move(parser.get().base());
      request.refusal =
          HttpRefusal(413, fmt::format("the body has {} bytes; at most {} are accepted", *length,
                                       limits_.max_body_bytes));
      co_return request;
    }
    if ((length || chunked) && FieldOf(parser.get(), "expect") == "100-continue") {
      const bool sent = co_await WriteAll(asio::buffer(kContinue, sizeof(kContinue) - 1));
      if (!sent) co_return std::nullopt;
    }

    bool complete = true;
    if (chunked) {
      http::request_parser<http::string_body> whole(std::move(parser));
      complete = co_await ReadChunked(whole, request);
    } else {
      request.header = std::move(parser.get().base());
      if (length && *length > 0) {
        complete = co_await ReadBody(static_cast<std::size_t>(*length), request.body);
      }
    }
    if (!complete) co_return std::nullopt;
    co_return request;
  }

  /// Receives a body of known length into memory that it will live in.
  asio::awaitable<bool> ReadBody(std::size_t length, Bytes& body) {
    const std::shared_ptr<char[]> bytes = AllocateBlock(length);
    if (bytes == nullptr) co_return false;
    const std::size_t early = std::min(length, buffer_.size());
    std::memcpy(bytes.get(), buffer_.data().data(), early);
    buffer_.consume(early);
    if (early < length) {
      auto [error, size] = co_await asio::async_read(
          stream_, asio::buffer(bytes.get() + early, length - early), Progress(), kToken);
      if (error) co_return false;
    }
    body = Bytes(bytes, {bytes.get(), length});
    co_return true;
  }

  asio::awaitable<bool> ReadChunked(http::request_parser<http::string_body>& parser,
                                    Incoming& request) {
    parser.body_limit(limits_.max_body_bytes);
    while (!parser.is_done()) {
      auto [error, size] = co_await http::async_read_some(stream_, buffer_, parser, kToken);
      if (error && !IsHttpError(error)) co_return false;
      if (error) {
        request.refusal = RefusalOf(error);
        break;
      }
      Touch();
    }
    request.body = Bytes(std::move(parser.get().body()));
    request.header = std::move(parser.get().base());
    co_return true;
  }

  asio::awaitable<bool> Write(const HttpResponse& response, const HttpHeader& request,
                              bool keep_alive) {
    const std::string header = HeaderText(response, request, keep_alive);
    std::array<asio::const_buffer, 4> buffers = {
        asio::buffer(header), asio::buffer(response.front),
        asio::buffer(response.object_head.data(), response.object_head.size()),
        asio::buffer(response.object_body.data(), response.object_body.size())};
    if (request.method() == http::verb::head) {
      std::fill(buffers.begin() + 1, buffers.end(), asio::const_buffer());
    }
    co_return co_await WriteAll(buffers);
  }

  /// Sends each part as soon as it is there.
  asio::awaitable<bool> WriteStream(const HttpResponse& response, const HttpHeader& request,
                                    bool keep_alive) {
    const std::string header = HeaderText(response, request, keep_alive);
    if (!co_await WriteAll(asio::buffer(header))) co_return false;
    const bool chunked = IsChunked(response, request);
    for (;;) {
      const StatusOr<std::optional<std::string>> part = co_await response.stream(*this);
      if (!part.ok()) {
        Log(LogLevel::kDebug, "a response is broken off: {}", part.status().ToString());
        co_return false;
      }
      if (!part->has_value()) break;
      if ((*part)->empty()) continue;  // a chunk of no bytes would be the end
      const std::string front = chunked ? fmt::format("{:x}\r\n", (*part)->size()) : "";
      const std::array<asio::const_buffer, 3> buffers = {
          asio::buffer(front), asio::buffer(**part),
          asio::buffer(kLineEnd.data(), chunked ? kLineEnd.size() : 0)};
      if (!co_await WriteAll(buffers)) co_return false;
    }
    if (!chunked) co_return true;
    co_return co_await WriteAll(asio::buffer(kLastChunk.data(), kLastChunk.size()));
  }

  template <typename Buffers>
  asio::awaitable<bool> WriteAll(Buffers buffers) {
    Touch();
    auto [error, size] = co_await asio::async_write(stream_, buffers, Progress(), kToken);
    co_return !error;
  }

  /// Reads on for a while and forgets it: a connection that is closed with unread input is reset,
  /// and the peer might not get to read its answer.
  asio::awaitable<void> Drain() {
    if constexpr (!kTls) {
      error_code ignored;
      socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    }
    deadline_ = Clock::now() + kDrainTimeout;
    buffer_.clear();
    for (std::size_t drained = 0; drained < kMaxDrain;) {
      auto [error, size] =
          co_await stream_.async_read_some(buffer_.prepare(limits_.max_header_bytes), kToken);
      if (error) break;
      drained += size;
    }
  }

  void Touch() { deadline_ = Clock::now() + limits_.stall_timeout; }

  /// A completion condition for transfers that notes that there is progress.
  auto Progress() {
    return [this](const error_code& error, std::size_t) -> std::size_t {
      Touch();
      return error ? 0 : kMaxTransfer;
    };
  }

  /// Closes the connection once its deadline has passed. Deadlines change several times with every
  /// request, so the timer is not set anew for each but looks now and then.
  void GuardDeadline() {
    const Clock::time_point latest = Clock::now() + limits_.idle_timeout;
    watchdog_.expires_at(std::min(deadline_, latest));
    watchdog_.async_wait([self = this->shared_from_this()](const error_code& error) {
      if (error || self->closed_) return;
      if (Clock::now() >= self->deadline_) {
        self->Close();
      } else {
        self->GuardDeadline();
      }
    });
  }

  void Close() {
    closed_ = true;
    watchdog_.cancel();
    error_code ignored;
    socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket().close(ignored);
  }

  const HttpRouter& router_;
  const HttpLimits limits_;
  // Everything below is used on the stream's strand only.
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  asio::steady_timer watchdog_;
  Clock::time_point deadline_;
  bool busy_ = false;  // has begun a request
  bool stopping_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<HttpSession> MakeHttpSession(asio::ip::tcp::socket socket, asio::ssl::context* tls,
                                             const HttpRouter& router, const HttpLimits& limits) {
  if (tls == nullptr) {
    return std::make_shared<Session<asio::ip::tcp::socket>>(router, limits, std::move(socket));
  }
  return std::make_shared<Session<TlsStream>>(router, limits, std::move(socket), *tls);
}

}  // namespace flwrcpp::internal
