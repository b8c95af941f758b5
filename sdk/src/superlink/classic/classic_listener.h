// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "flwrcpp/status.h"
#include "superlink/classic/classic_node_session.h"
#include "superlink/grpc/grpc_server.h"

namespace flwrcpp::internal {

struct ClassicListenerOptions {
  /// `max_request_bytes` bounds messages in both directions.
  GrpcServerOptions server;
  /// Streams at the same time, which is nodes.
  std::size_t max_streams = 1000;
};

/// Serves `FlowerService.Join`, the stream of Flower's classic clients (`start_client`). Each
/// stream is a node: it is there as long as its stream.
class ClassicListener {
 public:
  virtual ~ClassicListener() = default;

  /// @param io runs the streams; it and what `context` names must outlive the listener.
  /// @return `kUnavailable` when the address is taken or cannot be listened on.
  static StatusOr<std::unique_ptr<ClassicListener>> Start(boost::asio::io_context& io,
                                                          const ClassicContext& context,
                                                          const ClassicListenerOptions& options);

  virtual std::uint16_t port() const = 0;

  /// Tells all nodes to disconnect for good and returns when their streams have ended, after some
  /// seconds at most. The destructor calls it. Called by one thread at a time, while `io` runs.
  virtual void Stop() = 0;
};

}  // namespace flwrcpp::internal
