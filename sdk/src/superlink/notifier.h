// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>

namespace flwrcpp::internal {

/// What can happen in a SuperLink that somebody waits for.
enum class Topic {
  kInstructions,  ///< A node has an instruction to pull; the id is the node's.
  kReplies,       ///< A run has a reply, or has ended; the id is the run's.
  kNodes,         ///< A node came, went or changed its status; the id is 0.
  kPendingRuns,   ///< A run waits for an executor; the id is 0.
  kLogs,          ///< Something was logged for a run, or it has ended; the id is the run's.
};

struct NotifierKey {
  Topic topic = Topic::kInstructions;
  std::uint64_t id = 0;
  friend bool operator==(const NotifierKey&, const NotifierKey&) = default;
};

/// Tells those who wait that something happened. Thread-safe.
///
/// A notification carries nothing and is not kept: who waits subscribes first, then looks whether
/// there is something already, and then waits.
class Notifier {
 public:
  /// Runs under the notifier's lock, in the notifying thread: it must only hand the news on (set a
  /// flag, post to an executor) and must not call the notifier.
  using Callback = std::function<void()>;

  /// Keeps a subscription; ends it when destroyed. The callback does not run after that.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&& other) noexcept;
    Subscription& operator=(Subscription&& other) noexcept;
    ~Subscription();

   private:
    friend class Notifier;
    Subscription(Notifier* notifier, NotifierKey key, std::uint64_t token)
        : notifier_(notifier), key_(key), token_(token) {}

    Notifier* notifier_ = nullptr;
    NotifierKey key_;
    std::uint64_t token_ = 0;
  };

  /// `callback` runs at every `Notify(key)` until the subscription ends. The notifier must outlive
  /// the subscription.
  Subscription Subscribe(NotifierKey key, Callback callback);

  void Notify(NotifierKey key);
  /// Notifies everybody, whatever they wait for.
  void NotifyAll();

 private:
  struct KeyHash {
    std::size_t operator()(const NotifierKey& key) const {
      return static_cast<std::size_t>(key.id) * 8 + static_cast<std::size_t>(key.topic);
    }
  };

  void Unsubscribe(NotifierKey key, std::uint64_t token);

  std::mutex mutex_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<NotifierKey, std::map<std::uint64_t, Callback>, KeyHash> subscribers_;
};

}  // namespace flwrcpp::internal
