// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "crypto/secret_bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal::secagg {

/// What a node gives one of its neighbours to keep: a share of the seed of its own mask, and one of
/// the key that its masks with neighbours come from.
struct KeyShares {
  std::uint64_t src_node_id = 0;
  std::uint64_t dst_node_id = 0;
  SecretBytes rd_seed_share;
  SecretBytes sk1_share;
};

/// The text that is encrypted for the neighbour: source and destination in 8 bytes each, the length
/// of the first share in 4, all little-endian; then the shares.
SecretBytes WriteKeyShares(const KeyShares& shares);

/// @return `kInvalidArgument` for a text that is too short, or shares that are none.
StatusOr<KeyShares> ReadKeyShares(std::string_view plaintext);

}  // namespace flwrcpp::internal::secagg
