// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "flwrcpp/strategy/strategy.h"

namespace flwrcpp::server_app {

/// Whether a run aggregates securely, and how.
struct SecAggOptions {
  std::string kind;       ///< One of `SecAggKinds`, or empty: it does not.
  UserConfig parameters;  ///< By Flower's names.
};

/// secagg, secaggplus
std::vector<std::string> SecAggKinds();

/// Puts the workflow of that kind around `strategy`, or nothing.
/// @param strategy_name its name, as `StrategyNames` has it.
/// @param clips_on_server whether it clips what single nodes sent.
/// @return `kInvalidArgument` for an unknown kind or parameter, for a strategy that needs more than
///   the mean of the nodes' models, or what the workflow says.
StatusOr<std::unique_ptr<Strategy>> WrapInSecAgg(const SecAggOptions& options,
                                                 const std::string& strategy_name,
                                                 bool clips_on_server,
                                                 std::unique_ptr<Strategy> strategy);

}  // namespace flwrcpp::server_app
