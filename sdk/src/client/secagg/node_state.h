// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/secret_bytes.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"
#include "secagg/records.h"
#include "secagg/settings.h"

namespace flwrcpp::internal::secagg {

/// A node that this one shares its secrets with; this one is among its neighbours itself.
struct Neighbour {
  std::uint64_t node_id = 0;
  std::string pk1;            ///< For the mask in common.
  SecretBytes shared_key;     ///< For the shares; empty for this node.
  SecretBytes rd_seed_share;  ///< Of the neighbour's own mask's seed; empty until it came.
  SecretBytes sk1_share;      ///< Of the key that belongs to `pk1`; likewise.
};

/// What a node keeps from one stage of a round to the next.
struct NodeState {
  std::string stage = kUnmask;  ///< The last one that was answered.
  Settings settings;
  std::string pk1;
  std::string pk2;
  SecretBytes sk1;  ///< Private keys, as PEM text.
  SecretBytes sk2;
  SecretBytes rd_seed;  ///< Of this node's own mask.
  std::vector<Neighbour> neighbours;

  Neighbour* Find(std::uint64_t node_id);
};

/// The state in a Context; that of a node that has not begun if there is none.
/// @return `kInvalidArgument` if it is damaged.
StatusOr<NodeState> LoadState(const RecordDict& context_state);

/// Puts the state in place of what is there, which is overwritten in memory. After the last stage
/// nothing but that is kept.
void SaveState(const NodeState& state, RecordDict& context_state);

}  // namespace flwrcpp::internal::secagg
