// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.h"
#include "flwrcpp/status.h"

/// Shamir's secret sharing as Flower does it with PyCryptodome: the secret is padded (PKCS#7) to
/// chunks of 16 bytes, and each chunk is the constant of a random polynomial over GF(2^128) modulo
/// x^128 + x^7 + x^2 + x + 1; bytes are big-endian, the last bit is the coefficient of 1. Share i,
/// from 1 on, is the number i in 4 bytes, little-endian, and the value at i of each chunk.
namespace flwrcpp::internal::secagg {

/// Shares that a secret can be cut into, at most.
inline constexpr int kMaxShares = 65535;

/// Shares 1 to `count`, of which any `threshold` give the secret back. 1 <= threshold <= count <=
/// kMaxShares.
std::vector<SecretBytes> CreateShares(std::string_view secret, int threshold, int count);

/// Number of a share, for a peer's share of which nothing is known yet.
/// @return `kInvalidArgument` for another number than 1 to kMaxShares, or a length that is not 4
///   and 1 to 64 times 16.
StatusOr<int> CheckShare(std::string_view share);

/// The secret of which there are at least `threshold` shares. The first ones give it; one more, if
/// there is one, has to agree.
/// @return `kInvalidArgument` for too few shares, damaged ones, two with one number, different
///   lengths, or such that do not belong together.
StatusOr<SecretBytes> CombineShares(std::span<const SecretBytes> shares, int threshold);

}  // namespace flwrcpp::internal::secagg
