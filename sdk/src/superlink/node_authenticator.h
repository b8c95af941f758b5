// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "crypto/node_auth.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Checks the signatures that nodes put on each call. Thread-safe.
///
/// Parsing a PEM key costs more than verifying with it, so parsed keys are kept, the least
/// recently used ones dropped. With each key the signature it verified last is kept: verification
/// is a function of key, timestamp and signature alone, so the same bytes need not be verified
/// twice. The age of the timestamp is checked every time.
class NodeAuthenticator {
 public:
  /// Keeps up to `max_keys` keys.
  explicit NodeAuthenticator(std::size_t max_keys);

  /// Checks form and age of the timestamp, the key and the signature.
  /// @return `kUnauthenticated` with the words stock Flower uses over gRPC.
  Status Verify(const NodeCredentials& credentials, double now);

 private:
  struct Entry {
    std::shared_ptr<const EcPublicKey> key;
    std::string timestamp;  ///< What `signature` was verified for.
    std::string signature;
    std::list<std::string>::iterator use;
  };

  const std::size_t max_keys_;
  std::mutex mutex_;
  std::list<std::string> uses_;  // PEM texts, most recently used first
  std::unordered_map<std::string, Entry> keys_;
};

}  // namespace flwrcpp::internal
