// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace flwrcpp::testing {

struct RawHttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
};

/// One connection to 127.0.0.1 over which a test sends whatever bytes it likes. Everything gives
/// up after some seconds.
class RawHttpClient {
 public:
  explicit RawHttpClient(std::uint16_t port);
  /// Over TLS, trusting `root_certificates` (PEM).
  RawHttpClient(std::uint16_t port, const std::string& root_certificates);
  ~RawHttpClient();
  RawHttpClient(RawHttpClient&&) noexcept;
  RawHttpClient& operator=(RawHttpClient&&) noexcept;

  /// Whether the connection, and the TLS handshake, came about.
  bool connected() const;

  /// @return false if the peer has closed the connection.
  bool Send(std::string_view bytes);
  /// Reads one response. None if the peer closes the connection first or sends no HTTP.
  /// @param head whether it answers a HEAD request and so has no body.
  std::optional<RawHttpResponse> Receive(bool head = false);
  /// Reads on up to and with `end`; none if the peer closes the connection first.
  std::optional<std::string> ReceiveUntil(std::string_view end);
  /// Reads that many bytes; none if the peer closes the connection first.
  std::optional<std::string> ReceiveBytes(std::size_t size);
  /// Whether the peer closes the connection, without sending anything more.
  bool IsClosed();
  /// Closes the connection; `abruptly` by a reset.
  void Close(bool abruptly = false);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `POST` with a content length and the given further header lines (each with CRLF).
std::string PostRequest(std::string_view path, std::string_view header_lines,
                        std::string_view body);

}  // namespace flwrcpp::testing
