// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "rpc/runtime_connection.h"

namespace flwrcpp::internal {

/// Sends what a ServerApp says to its run's log, from a thread of its own. Thread-safe.
class TaskLog {
 public:
  TaskLog(RuntimeConnection& connection, std::uint64_t run_id);
  /// Sends what is left, unless the SuperLink cannot be reached.
  ~TaskLog();

  /// Adds text; parts of lines are put together by whoever shows them. If the SuperLink takes none
  /// for long, the oldest is dropped.
  void Append(std::string_view text);

 private:
  void Upload(std::stop_token stop);

  RuntimeConnection& connection_;
  const std::uint64_t run_id_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string waiting_;
  bool dropped_ = false;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace flwrcpp::internal
