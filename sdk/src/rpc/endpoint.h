// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Where a SuperLink (or SuperNode) is, and how it is trusted.
struct Endpoint {
  std::string address;  ///< `host:port`
  bool insecure = false;
  std::string root_certificates;  ///< PEM; empty: the system's.
};

/// @return `kInvalidArgument` for an address or certificates that are none, or contradictions.
Status CheckEndpoint(const Endpoint& endpoint);

}  // namespace flwrcpp::internal
