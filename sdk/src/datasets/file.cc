// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/file.h"

#include <filesystem>
#include <system_error>

#include "internal/errors.h"

namespace flwrcpp::internal {

StatusOr<InputFile> OpenFile(const std::string& path, std::uint64_t max_bytes) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return MakeError(StatusCode::kNotFound, "there is no file '{}'", path);
  }
  if (error || status.type() != std::filesystem::file_type::regular) {
    return MakeError(StatusCode::kUnavailable, "cannot read '{}': {}", path,
                     error ? error.message() : "it is no regular file");
  }
  InputFile file;
  file.size = std::filesystem::file_size(path, error);
  file.stream.open(path, std::ios::binary);
  if (error || !file.stream) {
    return MakeError(StatusCode::kUnavailable, "cannot open '{}'{}", path,
                     error ? ": " + error.message() : "");
  }
  if (file.size > max_bytes) {
    return MakeError(StatusCode::kResourceExhausted, "'{}' has {} bytes, more than {}", path,
                     file.size, max_bytes);
  }
  return file;
}

}  // namespace flwrcpp::internal
