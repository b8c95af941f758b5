// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "flwrcpp/status.h"
#include "flwrcpp/workflow/secagg.h"
#include "secagg/settings.h"

namespace flwrcpp::internal::secagg {

using NodeIds = std::set<std::uint64_t>;

/// What Flower checks in the options before there are nodes.
/// @return `kInvalidArgument` naming the setting.
Status CheckOptions(const SecAggPlusOptions& options);

/// The settings of a round with `node_count` nodes.
/// @return `kInvalidArgument` where the options do not fit that number.
StatusOr<Settings> SettingsFor(const SecAggPlusOptions& options, std::size_t node_count);

/// Puts the nodes into a ring in random order; neighbours of a node are itself and as many before
/// it as behind it, `share_num` in all, or all nodes.
std::map<std::uint64_t, NodeIds> DrawNeighbours(std::vector<std::uint64_t> node_ids,
                                                std::int64_t share_num);

}  // namespace flwrcpp::internal::secagg
