// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/object_pull.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "rpc/parallel.h"

namespace flwrcpp::internal {
namespace {

/// Pauses before an object that is not there yet is asked for again: a ServerApp that uploads in
/// this moment is met early, one that takes long is not pestered.
constexpr double kFirstPause = 0.05;
constexpr double kLongestPause = 10;
constexpr double kJitter = 0.2;

StatusOr<Object> PullOne(const PullObjectFn& pull, Clock& clock, double longest_wait,
                         const std::string& id, std::stop_token stop) {
  const double began = clock.Monotonic();
  double pause = kFirstPause;
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(const PullObjectView view, pull(id, stop));
    if (!view.found) {
      return MakeError(StatusCode::kNotFound, "the SuperLink does not have object {}", id);
    }
    // Stock stores an object that is still to come as an empty one.
    if (view.available && !view.content.empty()) return CheckObject(id, view.content);
    if (clock.Monotonic() - began > longest_wait) {
      return MakeError(StatusCode::kDeadlineExceeded, "object {} was not uploaded within {} s", id,
                       longest_wait);
    }
    if (!clock.Sleep(pause * (1 - kJitter + 2 * kJitter * clock.Uniform()), stop)) {
      return MakeError(StatusCode::kCancelled, "stop requested");
    }
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace

Status PullObjects(const PullObjectFn& pull, Clock& clock, const ObjectPullOptions& options,
                   const ObjectTree& tree, ObjectMap& objects, std::stop_token stop) {
  std::vector<std::string> missing;
  std::size_t total = 0;
  for (std::string& id : PostOrder(tree)) {
    const auto found = objects.find(id);
    if (found == objects.end()) {
      missing.push_back(std::move(id));
    } else {
      total += found->second.size();
    }
  }
  std::mutex mutex;
  return ForEachParallel(
      missing, options.concurrency, std::move(stop),
      [&](const std::string& id, std::stop_token all) -> Status {
        FLWRCPP_ASSIGN_OR_RETURN(Object object,
                                 PullOne(pull, clock, options.longest_wait, id, std::move(all)));
        const std::lock_guard lock(mutex);
        total += object.size();
        if (total > options.max_message_bytes) {
          return MakeError(StatusCode::kResourceExhausted, "the message is larger than {} bytes",
                           options.max_message_bytes);
        }
        objects.insert_or_assign(id, std::move(object));
        return absl::OkStatus();
      });
}

}  // namespace flwrcpp::internal
