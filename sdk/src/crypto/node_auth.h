// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "crypto/ec_key.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// What a node adds to each Fleet call: its key, the time, and its signature over the time.
/// HTTP carries key and signature in base64, gRPC raw (`-bin` metadata).
struct NodeCredentials {
  std::string public_pem;
  std::string timestamp;  ///< ISO 8601 with offset, e.g. `2026-01-31T12:00:00.000000+00:00`.
  std::string signature;  ///< DER, raw.
};

namespace node_auth {
inline constexpr char kPublicKeyHeader[] = "flwr-public-key";
inline constexpr char kTimestampHeader[] = "flwr-timestamp";
inline constexpr char kSignatureHeader[] = "flwr-signature";
/// Accepted age of a timestamp in seconds, exclusive: server clock minus stamp.
inline constexpr double kMinAge = -5;
inline constexpr double kMaxAge = 305;
}  // namespace node_auth

/// Signs the time `now` (Unix seconds).
NodeCredentials SignNow(const EcPrivateKey& key, double now);

/// Unix seconds as `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`.
std::string FormatTimestamp(double unix_seconds);
/// Parses ISO 8601 with an offset or `Z`.
/// @return `kInvalidArgument` for anything else, a missing offset included.
StatusOr<double> ParseTimestamp(std::string_view text);

/// Checks how old a signature's timestamp is.
/// @return `kUnauthenticated` for a text that is no time, or one outside the window that Flower
///   accepts.
Status CheckTimestamp(const std::string& timestamp, double now);

/// Checks age and signature of `credentials` against `key`, the parsed form of their public key.
/// @return `kUnauthenticated` saying which check failed.
Status VerifyCredentials(const NodeCredentials& credentials, const EcPublicKey& key, double now);

}  // namespace flwrcpp::internal
