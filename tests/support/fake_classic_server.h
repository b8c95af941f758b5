// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "flwr/proto/transport.pb.h"
#include "flwrcpp/status.h"
#include "tests/support/test_certificate.h"

namespace flwrcpp::testing {

/// The server's end of one `FlowerService.Join`. It does what the test says and nothing else.
/// Waits are bounded.
class FakeClassicStream {
 public:
  virtual ~FakeClassicStream() = default;

  virtual void Send(const flwr::proto::ServerMessage& message) = 0;
  virtual void SendBytes(const std::string& bytes) = 0;
  /// The next message of the node; empty if it sends none.
  virtual std::optional<flwr::proto::ClientMessage> Receive() = 0;
  /// Ends the stream with an absl code.
  virtual void End(StatusCode code, const std::string& text) = 0;
  /// Whether the node ends the stream.
  virtual bool IsLeft() = 0;
};

/// A server as `start_server` makes it: gRPC with `FlowerService.Join`.
class FakeClassicServer {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  virtual ~FakeClassicServer() = default;
  static std::unique_ptr<FakeClassicServer> Start();
  static std::unique_ptr<FakeClassicServer> Start(const TestCertificate& certificate);
  /// At a port that is free, and may have been another one's.
  static std::unique_ptr<FakeClassicServer> StartAt(const std::string& address);

  virtual std::string address() const = 0;
  /// The next stream that a node opens; null if none does.
  virtual std::shared_ptr<FakeClassicStream> Accept() = 0;
};

}  // namespace flwrcpp::testing
