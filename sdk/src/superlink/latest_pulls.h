// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace flwrcpp::internal {

/// Which pull of each node is its latest.
///
/// A node has one pull at a time. If an earlier one still waits, the node has given it up, perhaps
/// over a connection whose end never arrived here, and an instruction handed to it would be lost.
/// Thread-safe.
class LatestPulls {
 public:
  /// A pull's claim to be the latest of its node, from `Take` until a later one or destruction.
  class Turn {
   public:
    ~Turn() { pulls_.End(node_id_, number_); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool is_latest() const { return pulls_.IsLatest(node_id_, number_); }

   private:
    friend class LatestPulls;
    Turn(LatestPulls& pulls, std::uint64_t node_id, std::uint64_t number)
        : pulls_(pulls), node_id_(node_id), number_(number) {}

    LatestPulls& pulls_;
    const std::uint64_t node_id_;
    const std::uint64_t number_;
  };

  Turn Take(std::uint64_t node_id) {
    const std::lock_guard lock(mutex_);
    latest_[node_id] = ++count_;
    return Turn(*this, node_id, count_);
  }

 private:
  bool IsLatest(std::uint64_t node_id, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = latest_.find(node_id);
    return found != latest_.end() && found->second == number;
  }

  void End(std::uint64_t node_id, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = latest_.find(node_id);
    if (found != latest_.end() && found->second == number) latest_.erase(found);
  }

  std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> latest_;
};

}  // namespace flwrcpp::internal
