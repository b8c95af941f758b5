// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace flwrcpp::internal {

/// Appends `text` as a JSON string the way Python's json writes it by default: ASCII only, `\uXXXX`
/// with lower-case hex (surrogate pairs above U+FFFF). Object ids depend on every byte of it.
/// Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace flwrcpp::internal
