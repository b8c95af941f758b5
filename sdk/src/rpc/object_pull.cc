// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/object_pull.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "crypto/sha256_kernels.h"
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

/// Objects that came and are to be checked: several together, because they are hashed side by side,
/// and in the thread that brought the last of them, while the others pull on.
class Arrivals {
 public:
  /// @param checked where they go.
  explicit Arrivals(ObjectMap& checked) : checked_(checked) {}

  Status Add(ReceivedObject object) {
    std::vector<ReceivedObject> batch;
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(object));
      if (waiting_.size() < kMostSha256Lanes) return absl::OkStatus();
      batch.swap(waiting_);
    }
    return Check(batch);
  }

  /// Call last.
  Status CheckRest() { return Check(waiting_); }

 private:
  Status Check(std::span<const ReceivedObject> batch) {
    Status status;
    std::vector<StatusOr<Object>> objects = CheckObjects(batch);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (objects[i].ok()) {
        checked_.insert_or_assign(batch[i].id, *std::move(objects[i]));
      } else {
        status.Update(objects[i].status());
      }
    }
    return status;
  }

  std::mutex mutex_;
  ObjectMap& checked_;
  std::vector<ReceivedObject> waiting_;
};

StatusOr<Bytes> PullOne(const PullObjectFn& pull, Clock& clock, double longest_wait,
                        const std::string& id, std::stop_token stop) {
  const double began = clock.Monotonic();
  double pause = kFirstPause;
  while (true) {
    FLWRCPP_ASSIGN_OR_RETURN(const PullObjectView view, pull(id, stop));
    if (!view.found) {
      return MakeError(StatusCode::kNotFound, "the SuperLink does not have object {}", id);
    }
    // Stock stores an object that is still to come as an empty one.
    if (view.available && !view.content.empty()) return view.content;
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
  std::atomic<std::size_t> total = 0;
  for (std::string& id : PostOrder(tree)) {
    const auto found = objects.find(id);
    if (found == objects.end()) {
      missing.push_back(std::move(id));
    } else {
      total += found->second.size();
    }
  }
  Arrivals arrivals(objects);
  const Status pulled = ForEachParallel(
      missing, options.concurrency, std::move(stop),
      [&](const std::string& id, std::stop_token all) -> Status {
        FLWRCPP_ASSIGN_OR_RETURN(Bytes content,
                                 PullOne(pull, clock, options.longest_wait, id, std::move(all)));
        if ((total += content.size()) > options.max_message_bytes) {
          return MakeError(StatusCode::kResourceExhausted, "the message is larger than {} bytes",
                           options.max_message_bytes);
        }
        return arrivals.Add({id, std::move(content)});
      });
  const Status rest = arrivals.CheckRest();  // also if not all came: those that did stay
  return pulled.ok() ? rest : pulled;
}

}  // namespace flwrcpp::internal
