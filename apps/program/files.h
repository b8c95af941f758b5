// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::program {

/// The whole text of a small file (keys, certificates).
/// @return `kNotFound` or `kInvalidArgument` naming the file.
StatusOr<std::string> ReadTextFile(const std::filesystem::path& path);

/// The bytes of a file of at most `max_size`.
/// @return `kNotFound` or `kInvalidArgument` naming the file.
StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::size_t max_size);

/// Writes a file that is there whole or not at all: `write` makes it under the name it is given,
/// beside `path`; it is then made durable and moved into place.
/// @return what `write` returned, or `kUnavailable` naming `path`.
Status ReplaceFile(const std::filesystem::path& path,
                   const std::function<Status(const std::filesystem::path& beside)>& write);

/// `ReplaceFile` with a text.
Status SaveText(const std::filesystem::path& path, const std::string& text);

/// What is said when `path` cannot be written.
Status CannotWrite(const std::filesystem::path& path, const std::string& why);

}  // namespace flwrcpp::program
