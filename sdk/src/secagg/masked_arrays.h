// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::internal::secagg {

/// The numbers that nodes send masked: first one alone, the weight, then the elements of each
/// array. They count modulo a power of two; that unsigned numbers wrap does not matter to it.
using MaskedArrays = std::vector<std::vector<std::uint64_t>>;

enum class MaskSign { kPlus, kMinus };

/// Adds, or subtracts, the mask that comes from `seed`. It is what Flower draws: a Mersenne
/// Twister, seeded with the seed's 32-bit words (little-endian) xored into one, gives NumPy's
/// `RandomState.randint(0, mod_range - 1)` for one element after the other. That makes numbers up
/// to `mod_range - 2`.
/// @param mod_range a power of two from 4 to 2^62.
/// @return `kInvalidArgument` for a seed whose length is not a multiple of 4.
Status AddMask(std::string_view seed, std::uint64_t mod_range, MaskSign sign, MaskedArrays& arrays);

/// What node `own` does with the mask that it has in common with node `peer`: who has the larger id
/// adds it, the other one subtracts it, so that the sum of both is without.
inline MaskSign PairwiseSign(std::uint64_t own, std::uint64_t peer) {
  return own > peer ? MaskSign::kPlus : MaskSign::kMinus;
}
inline MaskSign Opposite(MaskSign sign) {
  return sign == MaskSign::kPlus ? MaskSign::kMinus : MaskSign::kPlus;
}

/// Takes all elements modulo `mod_range`, a power of two.
void Reduce(std::uint64_t mod_range, MaskedArrays& arrays);

}  // namespace flwrcpp::internal::secagg
