// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace flwrcpp::program {

namespace fs = std::filesystem;

StatusOr<std::string> ReadTextFile(const fs::path& path) {
  constexpr std::size_t kMaxSize = std::size_t{1} << 20;
  return ReadFile(path, kMaxSize);
}

StatusOr<std::string> ReadFile(const fs::path& path, std::size_t max_size) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Status(StatusCode::kNotFound, fmt::format("cannot read the file {}", path.string()));
  }
  // One byte more than may be, and no matter how large the file is.
  std::string bytes(max_size + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.empty() || bytes.size() > max_size) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("{} is {}, expected at most {} bytes", path.string(),
                              bytes.empty() ? "empty" : "too large", max_size));
  }
  return bytes;
}

Status ReplaceFile(const fs::path& path, const std::function<Status(const fs::path&)>& write) {
  const fs::path beside = path.string() + ".part";
  if (Status status = write(beside); !status.ok()) return status;
  const int file = open(beside.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  const std::string why = std::strerror(errno);
  if (file >= 0) close(file);
  if (!synced) return CannotWrite(path, why);
  std::error_code error;
  fs::rename(beside, path, error);
  return error ? CannotWrite(path, error.message()) : absl::OkStatus();
}

Status SaveText(const fs::path& path, const std::string& text) {
  return ReplaceFile(path, [&](const fs::path& beside) {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    return file ? absl::OkStatus() : CannotWrite(path, std::strerror(errno));
  });
}

Status CannotWrite(const fs::path& path, const std::string& why) {
  return Status(StatusCode::kUnavailable, fmt::format("cannot write {}: {}", path.string(), why));
}

}  // namespace flwrcpp::program
