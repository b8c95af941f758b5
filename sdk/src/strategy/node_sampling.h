// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "flwrcpp/grid.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// How many nodes a phase of a round wants.
struct SampleRequest {
  std::string_view phase;  ///< For the log, and so that phases choose independently.
  double fraction = 1;     ///< Of the nodes that are online.
  std::size_t min_nodes = 0;
  std::size_t min_available_nodes = 0;
  std::uint64_t seed = 0;
  int server_round = 0;

  /// max(⌊online · fraction⌋, min_nodes)
  std::size_t Count(std::size_t online) const {
    const auto part = static_cast<std::size_t>(static_cast<double>(online) * fraction);
    return std::max(part, min_nodes);
  }
};

/// Waits until `needed(number of online nodes)` nodes are online, however long it takes.
/// @param phase for the log.
/// @return the ids of all that are online; `kCancelled` after a stop, errors of the grid.
StatusOr<std::vector<std::uint64_t>> AwaitNodes(
    Grid& grid, std::string_view phase, const std::function<std::size_t(std::size_t)>& needed,
    const std::stop_token& stop);

/// Waits until enough nodes are online, however long it takes, and chooses
/// max(⌊online · fraction⌋, min_nodes) of them, each set equally likely.
/// @return `kCancelled` after a stop, errors of the grid.
StatusOr<std::vector<std::uint64_t>> SampleNodes(Grid& grid, const SampleRequest& request,
                                                 const std::stop_token& stop);

/// `count` of `ids` (at most all), in ascending order. The choice depends on the set of ids and on
/// `seed` only.
std::vector<std::uint64_t> Sample(std::vector<std::uint64_t> ids, std::size_t count,
                                  std::uint64_t seed);

}  // namespace flwrcpp::internal
