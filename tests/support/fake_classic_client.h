// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flwr/proto/transport.pb.h"
#include "flwrcpp/status.h"

namespace flwrcpp::testing {

/// The client's end of one `FlowerService.Join`. It does what the test says and nothing else. The
/// stream lives a minute at most.
class FakeClassicClient {
 public:
  /// Opens a stream, with TLS if `root_certificates` are given, and waits until it is heard.
  explicit FakeClassicClient(std::uint16_t port, const std::string& root_certificates = "");
  /// Cancels the stream if it has not ended.
  ~FakeClassicClient();

  /// The server's next message; empty when the stream has ended.
  std::optional<flwr::proto::ServerMessage> Receive();
  bool Send(const flwr::proto::ClientMessage& message);
  bool SendBytes(const std::string& bytes);

  void Cancel() { context_.TryCancel(); }
  /// Says that nothing more comes.
  void HalfClose() { stream_->WritesDone(); }
  /// How the stream ended; waits for its end.
  Status Result();

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream_;
  bool finished_ = false;
};

/// A `FitRes` with one tensor for each list of values.
flwr::proto::ClientMessage FitAnswer(const std::vector<std::vector<float>>& tensors,
                                     std::int64_t num_examples);

}  // namespace flwrcpp::testing
