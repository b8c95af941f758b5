// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A regular file to read, and its size when it was opened.
struct InputFile {
  std::ifstream stream;
  std::uint64_t size = 0;
};

/// @return `kNotFound` if there is none, `kUnavailable` if it cannot be opened or is no regular
///   file, `kResourceExhausted` if it is longer than `max_bytes`.
StatusOr<InputFile> OpenFile(const std::string& path, std::uint64_t max_bytes);

}  // namespace flwrcpp::internal
