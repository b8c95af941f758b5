// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// The parts of an elliptic-curve key in OpenSSH's formats.
struct OpensshKey {
  std::string group;   ///< OpenSSL's name of the curve, e.g. "P-384".
  std::string point;   ///< Public point, uncompressed.
  std::string scalar;  ///< Private scalar, big-endian; empty in a public key.
};

/// True if `text` starts like an OpenSSH private key file.
bool IsOpensshPrivateKey(std::string_view text);

/// Reads an unencrypted `openssh-key-v1` file with one ecdsa-sha2-nistp256/384/521 key.
/// @return `kInvalidArgument` saying what is wrong.
StatusOr<OpensshKey> ParseOpensshPrivateKey(std::string_view text);

/// Reads a line `ecdsa-sha2-nistp384 BASE64 [comment]`.
/// @return `kInvalidArgument` saying what is wrong.
StatusOr<OpensshKey> ParseOpensshPublicKey(std::string_view line);

}  // namespace flwrcpp::internal
