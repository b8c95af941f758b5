// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"

namespace flwrcpp {

/// The names that `MakeStrategy` knows, in the order of the documentation.
std::vector<std::string> StrategyNames();

/// Makes a strategy whose name and parameters come from a command line or a run config.
/// @param name as Flower's class is called, e.g. "FedAdam"; upper and lower case do not matter.
/// @param common what it shares with FedAvg.
/// @param parameters its own ones by their names in Flower, e.g. `server_momentum`; '-' and '_' are
///   the same. What is absent has its default.
/// @return `kInvalidArgument` for an unknown name or parameter (the text lists those there are), a
///   parameter of another type, or what the strategy's `Create` says.
StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name,
                                                 const FedAvgOptions& common,
                                                 const ConfigRecord& parameters);

}  // namespace flwrcpp
