// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "crypto/ec_key.h"
#include "crypto/secret_bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal::secagg {

/// A node's public key as its peers and the server get it.
/// @return `kInvalidArgument` for anything but the PEM text of a P-384 key.
StatusOr<EcPublicKey> ParsePublicKey(std::string_view pem);

/// What two nodes have in common: ECDH on P-384, then HKDF with SHA-256, neither salt nor info, to
/// 32 bytes, as URL-safe base64 text. This text of 44 characters is both a Fernet key and, as it
/// is, the seed of a mask.
StatusOr<SecretBytes> GenerateSharedKey(const EcPrivateKey& own, const EcPublicKey& peer);

}  // namespace flwrcpp::internal::secagg
