// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "client/secagg/node_state.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

/// What a node answers in each stage: the message's ConfigRecord in, the reply's out. An error
/// leaves a state that must not be kept.
namespace flwrcpp::internal::secagg {

/// First stage: new keys. Gives the public ones.
StatusOr<ConfigRecord> Setup(const ConfigRecord& configs, NodeState& state);

/// Second stage: the keys of the neighbours come; shares of this node's secrets go to each,
/// encrypted.
StatusOr<ConfigRecord> ShareKeys(std::uint64_t own_id, const ConfigRecord& configs,
                                 NodeState& state);

/// Third stage, first half: the shares of the neighbours come, which thereby are in the round.
Status ReceiveShares(std::uint64_t own_id, const ConfigRecord& configs, NodeState& state);

/// Third stage, second half: what was trained, masked.
StatusOr<ConfigRecord> MaskParameters(std::uint64_t own_id, const ArrayRecord& parameters,
                                      std::int64_t num_examples, const NodeState& state);

/// Last stage: one share of each neighbour, which one depends on whether its masked model came.
StatusOr<ConfigRecord> Unmask(std::uint64_t own_id, const ConfigRecord& configs, NodeState& state);

}  // namespace flwrcpp::internal::secagg
