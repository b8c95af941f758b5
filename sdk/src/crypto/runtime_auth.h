// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace flwrcpp::internal {

/// What an executor (Flower's SuperExec) that shares a secret with a SuperLink puts on its claims.
struct SuperExecCredentials {
  std::string timestamp;    ///< Unix seconds, a whole number.
  std::string nonce;        ///< Used once.
  std::string body_sha256;  ///< Lower-case hex, of the request.
  std::string signature;    ///< Lower-case hex HMAC-SHA256.
};

/// Carries the token of a task in each of its calls.
inline constexpr char kTaskTokenHeader[] = "flwr-task-token";

namespace superexec_auth {
inline constexpr char kTimestampHeader[] = "flwr-superexec-ts";
inline constexpr char kNonceHeader[] = "flwr-superexec-nonce";
inline constexpr char kBodyHeader[] = "flwr-superexec-body-sha256";
inline constexpr char kSignatureHeader[] = "flwr-superexec-signature";
/// Of the call that is signed.
inline constexpr char kAcquireTaskMethod[] = "/flwr.proto.Runtime/AcquireTask";
}  // namespace superexec_auth

/// The key that a shared secret (raw bytes) stands for.
std::string SuperExecKey(std::string_view secret);

/// The signature that belongs to the other three.
std::string SuperExecSignature(std::string_view key, std::string_view method,
                               const SuperExecCredentials& credentials);

/// Credentials for one request, with a random nonce.
SuperExecCredentials SignClaim(std::string_view key, std::string_view body, double unix_seconds);

}  // namespace flwrcpp::internal
