// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "crypto/runtime_auth.h"
#include "flwrcpp/status.h"
#include "superlink/state/run_archive.h"

namespace flwrcpp::internal {

/// Checks claims against the secret that SuperExecs share with the SuperLink. Thread-safe.
class SuperExecAuthenticator {
 public:
  /// @param secret raw bytes; empty: every claim is good.
  /// @param nonces remembers what was used; must outlive this.
  SuperExecAuthenticator(std::string_view secret, RunArchive& nonces);

  /// @param method the call's name, e.g. `/flwr.proto.Runtime/AcquireTask`.
  /// @param body the serialized request.
  /// @return code 1008 for credentials that are missing, wrong, too old or used before.
  Status Verify(const SuperExecCredentials& credentials, std::string_view method,
                std::string_view body, double now) const;

 private:
  std::string key_;  ///< Empty: no check.
  RunArchive& nonces_;
};

}  // namespace flwrcpp::internal
