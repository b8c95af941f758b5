// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "internal/errors.h"
#include "internal/parallel_for.h"

namespace flwrcpp::internal {

Status ForEachParallel(std::span<const std::string> ids, int threads, std::stop_token stop,
                       const std::function<Status(const std::string& id, std::stop_token)>& work) {
  std::stop_source all;
  const std::stop_callback forward(stop, [&all] { all.request_stop(); });
  std::atomic<std::size_t> begun{0};
  std::mutex mutex;
  Status first_failure;
  ParallelFor(ids.size(), static_cast<std::size_t>(std::max(threads, 1)), [&](std::size_t i) {
    if (all.stop_requested()) return;
    ++begun;
    Status status = work(ids[i], all.get_token());
    if (status.ok()) return;
    const std::lock_guard lock(mutex);
    // Once one has failed, the others fail because they are stopped.
    if (first_failure.ok()) first_failure = std::move(status);
    all.request_stop();
  });
  if (stop.stop_requested() && begun < ids.size()) {
    return MakeError(StatusCode::kCancelled, "stop requested");
  }
  return first_failure;
}

}  // namespace flwrcpp::internal
