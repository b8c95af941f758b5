// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/node_authenticator.h"

#include <utility>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

/// A PEM text of a key on the largest curve in use has some 270 bytes. What is longer is not
/// parsed, and not kept.
constexpr std::size_t kMaxPemSize = 4096;

Status Refused(const char* text) { return {StatusCode::kUnauthenticated, text}; }

}  // namespace

NodeAuthenticator::NodeAuthenticator(std::size_t max_keys) : max_keys_(max_keys) {}

Status NodeAuthenticator::Verify(const NodeCredentials& credentials, double now) {
  if (credentials.public_pem.empty() || credentials.timestamp.empty() ||
      credentials.signature.empty()) {
    return Refused("Missing authentication metadata");
  }
  // The age is the cheapest check, so it comes first.
  if (!CheckTimestamp(credentials.timestamp, now).ok()) return Refused("Invalid timestamp");

  std::shared_ptr<const EcPublicKey> key;
  {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(credentials.public_pem);
    if (found != keys_.end()) {
      Entry& entry = found->second;
      uses_.splice(uses_.begin(), uses_, entry.use);
      if (entry.signature == credentials.signature && entry.timestamp == credentials.timestamp) {
        return absl::OkStatus();
      }
      key = entry.key;
    }
  }

  // Parsing and verifying take most of a millisecond: outside the lock.
  if (key == nullptr) {
    if (credentials.public_pem.size() > kMaxPemSize) return Refused("Invalid signature");
    StatusOr<EcPublicKey> parsed = EcPublicKey::ParsePem(credentials.public_pem);
    if (!parsed.ok()) return Refused("Invalid signature");
    key = std::make_shared<const EcPublicKey>(*std::move(parsed));
  }
  if (!key->Verify(credentials.timestamp, credentials.signature)) {
    return Refused("Invalid signature");
  }

  // Only keys that signed something get a place, so nobody can push out the others' keys for less
  // than a signature each.
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = keys_.try_emplace(credentials.public_pem);
  Entry& entry = place->second;
  if (is_new) {
    uses_.push_front(credentials.public_pem);
    entry.use = uses_.begin();
    entry.key = std::move(key);
  }
  entry.timestamp = credentials.timestamp;
  entry.signature = credentials.signature;
  if (keys_.size() > max_keys_) {
    keys_.erase(uses_.back());
    uses_.pop_back();
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
