// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "superlink/classic/classic_node_session.h"
#include "superlink/waker.h"

namespace flwrcpp::internal {

/// The streams that are open. Thread-safe.
class ClassicStreams {
 public:
  explicit ClassicStreams(std::size_t max_streams) : max_streams_(max_streams) {}

  /// @return false, and nothing is noted, when there are too many or `Stop()` was called.
  bool Add(const void* stream, std::shared_ptr<Waker> waker);
  void Remove(const void* stream);

  /// Lets each stream say goodbye and end; no more are added.
  void Stop();
  bool stopping();

 private:
  const std::size_t max_streams_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::map<const void*, std::shared_ptr<Waker>> wakers_;
};

struct ClassicCallOptions {
  const ClassicContext& context;
  ClassicStreams& streams;
  std::size_t max_message_bytes = 0;
};

/// The reactor of one `FlowerService.Join`; it deletes itself. `io` and what `options` name must
/// outlive it.
grpc::ServerGenericBidiReactor* MakeClassicCall(boost::asio::io_context& io,
                                                const ClassicCallOptions& options);

}  // namespace flwrcpp::internal
