// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

std::string HexEncode(std::string_view bytes);
/// True for exactly 64 hex digits (either case), the form of an object id.
bool IsObjectId(std::string_view text);

/// Standard base64 with padding.
std::string Base64Encode(std::string_view bytes);
/// @return `kInvalidArgument` for foreign characters or wrong padding.
StatusOr<std::string> Base64Decode(std::string_view text);

/// The same with `-` and `_` in place of `+` and `/`, with padding.
std::string Base64UrlEncode(std::string_view bytes);
StatusOr<std::string> Base64UrlDecode(std::string_view text);

/// Cryptographically random bytes and ids.
std::string RandomBytes(std::size_t size);
/// A random id as Flower uses for nodes and runs: never 0 or 1.
std::uint64_t RandomId();
/// A random UUID (version 4) as text.
std::string RandomUuid();

}  // namespace flwrcpp::internal
