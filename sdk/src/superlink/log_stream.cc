// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/log_stream.h"

#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <memory>

#include "internal/errors.h"
#include "superlink/waker.h"

namespace flwrcpp::internal {
namespace {

namespace asio = boost::asio;

/// A run that nobody works on any more ends by time alone: it is looked at now and then.
constexpr std::chrono::seconds kLookInterval{30};

/// A message of a stream: its length in four bytes, big-endian, and its bytes.
std::string FrameOf(const google::protobuf::MessageLite& message) {
  std::string frame(4, '\0');
  message.AppendToString(&frame);
  const auto size = static_cast<std::uint32_t>(frame.size() - 4);
  for (int i = 0; i < 4; ++i) frame[i] = static_cast<char>(size >> (24 - 8 * i));
  return frame;
}

}  // namespace

asio::awaitable<StatusOr<std::optional<std::string>>> LogStream::Next(Caller& caller) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto waker = std::make_shared<Waker>(executor);
  const Notifier::Subscription subscription =
      notifier_.Subscribe({Topic::kLogs, run_id_}, [waker] { waker->Wake(); });
  caller.Watch([waker] { waker->Wake(); });
  auto found = Look(caller);
  while (!found.has_value()) {
    co_await waker->SleepUntil(std::chrono::steady_clock::now() + kLookInterval);
    found = Look(caller);
  }
  caller.StopWatching();
  co_return *std::move(found);
}

std::optional<StatusOr<std::optional<std::string>>> LogStream::Look(Caller& caller) {
  if (service_.is_stopping()) return MakeError(StatusCode::kUnavailable, "the SuperLink stops");
  if (caller.state() != Caller::State::kWaiting) {
    return MakeError(StatusCode::kCancelled, "who followed the log of run {} has gone", run_id_);
  }
  const StatusOr<LogChunk> chunk = service_.ReadLog(run_id_, after_);
  if (!chunk.ok()) return chunk.status();
  if (chunk->is_complete) return std::optional<std::string>();
  if (chunk->response.log_output().empty()) return std::nullopt;
  after_ = chunk->response.latest_timestamp();
  return std::optional<std::string>(FrameOf(chunk->response));
}

}  // namespace flwrcpp::internal
