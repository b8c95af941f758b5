// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace flwrcpp::internal {

/// One call of one of Flower's APIs as transports see it.
struct RpcMethod {
  std::string_view name;       ///< Of the gRPC method.
  std::string_view http_path;  ///< Below the peer's address.
  /// Whether the call may be made again when it is unknown if the peer got it.
  bool retry = true;
  /// Longest wait without a byte of progress.
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::size_t max_response_bytes = std::size_t{1} << 20;
  /// Whether the answer may be megabytes long.
  bool large_response = false;
};

}  // namespace flwrcpp::internal
