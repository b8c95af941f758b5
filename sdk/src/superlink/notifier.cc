// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/notifier.h"

#include <utility>

namespace flwrcpp::internal {

Notifier::Subscription::Subscription(Subscription&& other) noexcept
    : notifier_(std::exchange(other.notifier_, nullptr)), key_(other.key_), token_(other.token_) {}

Notifier::Subscription& Notifier::Subscription::operator=(Subscription&& other) noexcept {
  if (this != &other) {
    if (notifier_ != nullptr) notifier_->Unsubscribe(key_, token_);
    notifier_ = std::exchange(other.notifier_, nullptr);
    key_ = other.key_;
    token_ = other.token_;
  }
  return *this;
}

Notifier::Subscription::~Subscription() {
  if (notifier_ != nullptr) notifier_->Unsubscribe(key_, token_);
}

Notifier::Subscription Notifier::Subscribe(NotifierKey key, Callback callback) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t token = next_token_++;
  subscribers_[key].emplace(token, std::move(callback));
  return {this, key, token};
}

void Notifier::Notify(NotifierKey key) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(key);
  if (found == subscribers_.end()) return;
  for (const auto& [token, callback] : found->second) callback();
}

void Notifier::NotifyAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, callbacks] : subscribers_) {
    for (const auto& [token, callback] : callbacks) callback();
  }
}

void Notifier::Unsubscribe(NotifierKey key, std::uint64_t token) {
  const std::lock_guard lock(mutex_);
  const auto found = subscribers_.find(key);
  if (found == subscribers_.end()) return;
  found->second.erase(token);
  if (found->second.empty()) subscribers_.erase(found);
}

}  // namespace flwrcpp::internal
