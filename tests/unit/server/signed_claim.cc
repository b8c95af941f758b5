// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/signed_claim.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>

namespace flwrcpp::internal {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

const unsigned char* Data(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Hex(const Digest& digest) {
  std::string text;
  for (const unsigned char byte : digest) {
    for (const int digit : {byte >> 4, byte & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

Digest Hmac(const void* key, std::size_t key_size, const std::string& text) {
  Digest digest;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key, static_cast<int>(key_size), Data(text), text.size(), digest.data(),
       &size);
  return digest;
}

}  // namespace

SuperExecCredentials SignClaim(const std::string& secret, const std::string& method,
                               const std::string& body, std::int64_t seconds,
                               const std::string& nonce) {
  Digest body_digest;
  SHA256(Data(body), body.size(), body_digest.data());
  const Digest key = Hmac(secret.data(), secret.size(), "superexec-auth-v1");
  SuperExecCredentials credentials;
  credentials.timestamp = std::to_string(seconds);
  credentials.nonce = nonce;
  credentials.body_sha256 = Hex(body_digest);
  credentials.signature =
      Hex(Hmac(key.data(), key.size(),
               "method=" + method + "\nts=" + credentials.timestamp + "\nnonce=" + nonce +
                   "\nbody_sha256=" + credentials.body_sha256));
  return credentials;
}

}  // namespace flwrcpp::internal
