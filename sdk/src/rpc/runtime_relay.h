// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"
#include "rpc/endpoint.h"

namespace flwrcpp::internal {

/// Stands between a SuperLink or SuperNode and an app whose input was pulled on its behalf, which
/// works once: answers the app's own pull-task-input with what came then and passes every other
/// call on, byte for byte.
class RuntimeRelay {
 public:
  /// Listens on a free port of 127.0.0.1, in threads of its own, until destroyed.
  /// @param token calls without it are refused.
  /// @param task_input the serialized PullTaskInputResponse.
  /// @return `kInvalidArgument` for root certificates that are none, `kUnavailable` without a port.
  static StatusOr<std::unique_ptr<RuntimeRelay>> Start(const Endpoint& upstream, std::string token,
                                                       std::string task_input);
  virtual ~RuntimeRelay() = default;

  virtual std::uint16_t port() const = 0;
};

}  // namespace flwrcpp::internal
