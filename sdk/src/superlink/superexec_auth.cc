// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/superexec_auth.h"

#include <openssl/crypto.h>

#include <charconv>
#include <cstdint>

#include "crypto/node_auth.h"
#include "crypto/sha256.h"
#include "superlink/api_error.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMaxNonceSize = 128;

Status Refused() { return ApiError(ApiErrorCode::kRuntimeAuthentication, ""); }

}  // namespace

SuperExecAuthenticator::SuperExecAuthenticator(std::string_view secret, RunArchive& nonces)
    : key_(secret.empty() ? "" : SuperExecKey(secret)), nonces_(nonces) {}

Status SuperExecAuthenticator::Verify(const SuperExecCredentials& credentials,
                                      std::string_view method, std::string_view body,
                                      double now) const {
  if (key_.empty()) return absl::OkStatus();
  std::int64_t seconds = 0;
  const char* const end = credentials.timestamp.data() + credentials.timestamp.size();
  const auto [stopped, error] = std::from_chars(credentials.timestamp.data(), end, seconds);
  const double age = now - static_cast<double>(seconds);
  if (error != std::errc() || stopped != end || !(age > node_auth::kMinAge) ||
      !(age < node_auth::kMaxAge)) {
    return Refused();
  }
  if (credentials.nonce.empty() || credentials.nonce.size() > kMaxNonceSize ||
      credentials.body_sha256 != Sha256::Hex(body)) {
    return Refused();
  }
  const std::string expected = SuperExecSignature(key_, method, credentials);
  if (credentials.signature.size() != expected.size() ||
      CRYPTO_memcmp(credentials.signature.data(), expected.data(), expected.size()) != 0) {
    return Refused();
  }
  const double expires_at = static_cast<double>(seconds) + node_auth::kMaxAge;
  const Status unused = nonces_.UseNonce(credentials.nonce, expires_at, now);
  return unused.code() == StatusCode::kAlreadyExists ? Refused() : unused;
}

}  // namespace flwrcpp::internal
