// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace flwrcpp::internal {

/// Checks ECDSA signatures over SHA-256 with Nettle, which needs a little more than half of the
/// time that OpenSSL 3.0 does on P-384: checking what nodes sign is most of what a SuperLink does
/// between rounds. Immutable and thread-safe.
class EcdsaVerifier {
 public:
  /// @param group OpenSSL's name of the curve.
  /// @param x,y coordinates of the public point, big-endian.
  /// @return null for a curve that Nettle does not have, or a point that is not on it.
  static std::shared_ptr<const EcdsaVerifier> Make(std::string_view group,
                                                   std::span<const unsigned char> x,
                                                   std::span<const unsigned char> y);
  virtual ~EcdsaVerifier() = default;

  /// @param signature ASN.1 DER; nothing but that encoding is accepted.
  virtual bool Verify(std::string_view bytes, std::string_view signature) const = 0;
};

}  // namespace flwrcpp::internal
