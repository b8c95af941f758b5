// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/task_log.h"

#include <chrono>
#include <utility>

#include "internal/log.h"

namespace flwrcpp::internal {
namespace {

constexpr std::chrono::milliseconds kPause{200};
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
  // One more attempt, bounded by the call's own timeout.
  while (!waiting_.empty()) {
    const std::string text = waiting_.substr(0, kMaxSent);
    waiting_.erase(0, text.size());
    std::stop_source give_up;
    if (!connection_.PushLogs(run_id_, text, give_up.get_token()).ok()) return;
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
      if (sent.code() != StatusCode::kCancelled) return;  // its run is over, or cannot be reached
      waiting_.insert(0, text);
    }
    changed_.wait_for(lock, stop, kPause, [] { return false; });
  }
}

}  // namespace flwrcpp::internal
