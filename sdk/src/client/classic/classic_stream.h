// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>

#include "fleet/fleet_transport.h"
#include "flwr/proto/transport.pb.h"
#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// The node's end of one `FlowerService.Join`. Used by one thread.
///
/// A Python server says nothing until it has an instruction, so that a stream counts as open when
/// its channel is connected.
class ClassicStream final : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  /// Begins to connect.
  explicit ClassicStream(const TransportOptions& options);
  /// Ends the stream if it has not ended.
  ~ClassicStream() override;

  // All of these return `kCancelled` after `stop`, and why the stream ended when it has:
  // `kUnavailable` also for a server that ended it in good order.

  /// Waits until the server is reached.
  Status WaitUntilOpen(std::stop_token stop);

  /// Waits for the next message.
  /// @return also `kInvalidArgument` for bytes that are no ServerMessage.
  StatusOr<std::shared_ptr<flwr::proto::ServerMessage>> Read(std::stop_token stop);

  /// Sends a message and waits until gRPC has taken it.
  Status Write(std::span<const Bytes> pieces, std::stop_token stop);

  /// Sends a last message, and lets the server end the stream for a moment.
  void Leave(std::span<const Bytes> pieces, std::stop_token stop);

  /// Requested when the stream has ended, whoever ended it.
  std::stop_token ended() const { return ended_.get_token(); }

 private:
  void OnReadDone(bool good) override;
  void OnWriteDone(bool good) override;
  void OnDone(const grpc::Status& status) override;

  /// @return false if the stream is broken.
  bool BeginWrite(std::span<const Bytes> pieces, bool last);
  /// Why the stream ended. Waits for the end.
  Status EndReason(std::unique_lock<std::mutex>& lock);

  const TransportOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub_;
  grpc::ClientContext context_;
  std::stop_source ended_;

  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  /// Nothing is read while one message waits: servers await the answer to each.
  std::optional<grpc::ByteBuffer> received_;
  bool reading_ = true;   // between StartRead and OnReadDone
  bool broken_ = false;   // nothing more comes
  bool writing_ = false;  // between StartWrite and OnWriteDone
  std::optional<grpc::Status> end_;
};

}  // namespace flwrcpp::internal
