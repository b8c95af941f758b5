// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "flwrcpp/strategy/strategy.h"

namespace flwrcpp::server_app {

/// Which differential privacy a run has.
struct PrivacyOptions {
  std::string kind;       ///< One of `PrivacyKinds`, or empty: none.
  UserConfig parameters;  ///< By Flower's names.
};

/// server-fixed, client-fixed, server-adaptive, client-adaptive: who clips, and whether the norm
/// adapts.
std::vector<std::string> PrivacyKinds();

/// Puts Flower's wrapper of that kind around `strategy`, or nothing.
/// @param num_sampled_clients what it is unless the parameters say.
/// @return `kInvalidArgument` for an unknown kind or parameter, or what the wrapper says.
StatusOr<std::unique_ptr<Strategy>> Wrap(const PrivacyOptions& options,
                                         std::int64_t num_sampled_clients,
                                         std::unique_ptr<Strategy> strategy);

}  // namespace flwrcpp::server_app
