// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/task_log.h"

#include <chrono>
#include <utility>

#include "rpc/flower_status.h"

namespace flwrcpp::internal {
namespace {

constexpr std::chrono::milliseconds kPause{200};
/// After a failure.
constexpr std::chrono::milliseconds kLongPause{2000};
/// Most text that waits, and most that is sent at once.
constexpr std::size_t kMaxWaiting = std::size_t{4} << 20;
constexpr std::size_t kMaxSent = std::size_t{256} << 10;

}  // namespace

TaskLog::TaskLog(RuntimeConnection& connection, std::uint64_t run_id)
    : connection_(connection),
      run_id_(run_id),
      thread_([this](std::stop_token stop) { Upload(std::move(stop)); }) {}

TaskLog::~TaskLog() {
  thread_.request_stop();
  thread_.join();
  while (!waiting_.empty()) {
    const std::string text = waiting_.substr(0, kMaxSent);
    waiting_.erase(0, text.size());
    if (!connection_.PushLogs(run_id_, text, std::stop_token()).ok()) return;
  }
}

void TaskLog::Append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  waiting_ += text;
  if (waiting_.size() > kMaxWaiting) {
    waiting_.erase(0, waiting_.size() - kMaxWaiting / 2);
    dropped_ = true;
  }
  changed_.notify_all();
}

void TaskLog::Upload(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::string text;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      text = waiting_.substr(0, kMaxSent);
      waiting_.erase(0, text.size());
      if (std::exchange(dropped_, false)) text.insert(0, "[some of the log was dropped]\n");
    }
    const Status sent = connection_.PushLogs(run_id_, text, stop);
    std::unique_lock lock(mutex_);
    if (!sent.ok()) {
      if (sent.code() != StatusCode::kCancelled && !IsRetryable(sent)) return;  // the run is over
      waiting_.insert(0, text);
    }
    changed_.wait_for(lock, stop, sent.ok() ? kPause : kLongPause, [] { return false; });
  }
}

}  // namespace flwrcpp::internal
