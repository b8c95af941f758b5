// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/ecdsa_verifier.h"
#include "crypto/secret_bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

class EcPublicKey;

/// An elliptic-curve private key. Immutable and thread-safe.
class EcPrivateKey {
 public:
  /// A fresh P-384 key.
  static EcPrivateKey Generate();
  /// From the text of a PEM (SEC 1, PKCS#8) or OpenSSH private key file, unencrypted.
  /// @return `kInvalidArgument` saying what is wrong: no key, not an EC key, encrypted.
  static StatusOr<EcPrivateKey> Parse(std::string_view text);

  /// SubjectPublicKeyInfo as PEM text, as Flower sends and compares it.
  const std::string& public_pem() const { return public_pem_; }
  /// PKCS#8 as PEM text, unencrypted: what `Parse` reads.
  SecretBytes PrivatePem() const;
  /// ECDSA with SHA-256 over `bytes`, ASN.1 DER.
  std::string Sign(std::string_view bytes) const;
  /// ECDH: the x coordinate that both sides come to, as long as the curve's field.
  /// @return `kInvalidArgument` for a key on another curve.
  StatusOr<SecretBytes> Agree(const EcPublicKey& peer) const;

 private:
  EcPrivateKey() = default;
  std::shared_ptr<void> key_;  // EVP_PKEY
  std::string public_pem_;
};

/// An elliptic-curve public key. Immutable and thread-safe. Parsing costs more than verifying:
/// keep parsed keys.
class EcPublicKey {
 public:
  /// From PEM (SubjectPublicKeyInfo); `pem()` keeps the text as it is, for Flower compares text.
  /// @return `kInvalidArgument` if it is no EC key.
  static StatusOr<EcPublicKey> ParsePem(std::string_view pem);
  /// From PEM or the one-line OpenSSH form (`ecdsa-sha2-nistp384 …`); `pem()` is as OpenSSL
  /// writes it.
  static StatusOr<EcPublicKey> Parse(std::string_view text);

  /// ECDSA with SHA-256, ASN.1 DER signature.
  bool Verify(std::string_view bytes, std::string_view signature) const;
  /// P-192 to P-521.
  bool is_nist_curve() const;
  bool is_p384() const;
  const std::string& pem() const { return pem_; }

 private:
  friend class EcPrivateKey;
  EcPublicKey(std::shared_ptr<void> key, std::string pem);

  std::shared_ptr<void> key_;  // EVP_PKEY
  std::string pem_;
  std::shared_ptr<const EcdsaVerifier> verifier_;  ///< Null: OpenSSL verifies.
};

}  // namespace flwrcpp::internal
