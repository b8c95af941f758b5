// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.h"
#include "flwrcpp/status.h"

/// Fernet (github.com/fernet/spec): AES-128-CBC, then HMAC-SHA256 over version, time, IV and
/// ciphertext; all as URL-safe base64 text. A key is 32 bytes in the same form, of which the first
/// half signs and the second encrypts.
namespace flwrcpp::internal::secagg {

inline constexpr std::size_t kFernetIvBytes = 16;

/// @param iv kFernetIvBytes random bytes, never used twice.
/// @return `kInvalidArgument` for a key or an IV of another form.
StatusOr<std::string> FernetEncrypt(std::string_view key, std::string_view plaintext,
                                    std::uint64_t unix_seconds, std::string_view iv);

/// However old the token is.
/// @return `kInvalidArgument` for a key of another form, a token that is damaged, of more than 64
///   KiB, or made with another key.
StatusOr<SecretBytes> FernetDecrypt(std::string_view key, std::string_view token);

}  // namespace flwrcpp::internal::secagg
