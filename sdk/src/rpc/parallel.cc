// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "internal/errors.h"

namespace flwrcpp::internal {

Status ForEachParallel(std::span<const std::string> ids, int threads, std::stop_token stop,
                       const std::function<Status(const std::string& id, std::stop_token)>& work) {
  std::stop_source all;
  const std::stop_callback forward(stop, [&all] { all.request_stop(); });
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  Status first_failure;

  const auto run = [&] {
    while (!all.stop_requested()) {
      const std::size_t position = next++;
      if (position >= ids.size()) return;
      Status status = work(ids[position], all.get_token());
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      // Once one has failed, the others fail because they are stopped.
      if (first_failure.ok()) first_failure = std::move(status);
      all.request_stop();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const std::size_t wanted = std::min(static_cast<std::size_t>(std::max(threads, 1)), ids.size());
    for (std::size_t i = 1; i < wanted; ++i) helpers.emplace_back(run);
    run();
  }
  if (stop.stop_requested() && next < ids.size()) {
    return MakeError(StatusCode::kCancelled, "stop requested");
  }
  return first_failure;
}

}  // namespace flwrcpp::internal
