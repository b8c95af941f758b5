// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/runtime_auth.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>

#include "crypto/encoding.h"
#include "crypto/sha256.h"

namespace flwrcpp::internal {
namespace {

/// What the shared secret is turned into a key with.
constexpr std::string_view kKeyPurpose = "superexec-auth-v1";
constexpr std::size_t kNonceBytes = 16;

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace

std::string SuperExecKey(std::string_view secret) { return HmacSha256(secret, kKeyPurpose); }

std::string SuperExecSignature(std::string_view key, std::string_view method,
                               const SuperExecCredentials& credentials) {
  return HexEncode(HmacSha256(
      key, fmt::format("method={}\nts={}\nnonce={}\nbody_sha256={}", method, credentials.timestamp,
                       credentials.nonce, credentials.body_sha256)));
}

SuperExecCredentials SignClaim(std::string_view key, std::string_view body, double unix_seconds) {
  SuperExecCredentials credentials;
  credentials.timestamp = std::to_string(static_cast<std::int64_t>(unix_seconds));
  credentials.nonce = HexEncode(RandomBytes(kNonceBytes));
  credentials.body_sha256 = Sha256::Hex(body);
  credentials.signature = SuperExecSignature(key, superexec_auth::kAcquireTaskMethod, credentials);
  return credentials;
}

}  // namespace flwrcpp::internal
