// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "program/files.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".npy";
constexpr char kDescription[] = "description.json";
constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{16} << 30;

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

/// Adds bytes as they are; libzip reads them when it closes the archive.
bool AddEntry(zip_t* archive, const std::string& name, const void* data, std::size_t size) {
  zip_source_t* source = zip_source_buffer(archive, data, size, 0);
  const zip_int64_t index =
      source == nullptr ? -1 : zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  return true;
}

/// Writes the zip file itself, to `beside`; errors name `path`.
Status WriteNpz(const fs::path& path, const fs::path& beside, const Npz& content) {
  int code = 0;
  std::unique_ptr<zip_t, DiscardZip> archive(
      zip_open(beside.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (archive == nullptr) return program::CannotWrite(path, std::strerror(errno));
  bool added = true;
  std::vector<Bytes> contents;
  for (const auto& [name, array] : content.arrays) {
    contents.push_back(array.Contiguous());
    added = added && AddEntry(archive.get(), name + std::string(kSuffix), contents.back().data(),
                              contents.back().size());
  }
  if (added && !content.description.empty()) {
    added = AddEntry(archive.get(), kDescription, content.description.data(),
                     content.description.size());
  }
  if (!added || zip_close(archive.get()) != 0) {
    return program::CannotWrite(path, zip_strerror(archive.get()));
  }
  archive.release();
  return absl::OkStatus();
}

}  // namespace

Status SaveNpz(const fs::path& path, const Npz& content) {
  return program::ReplaceFile(
      path, [&](const fs::path& beside) { return WriteNpz(path, beside, content); });
}

StatusOr<Npz> LoadNpz(const fs::path& path) {
  if (!fs::exists(path)) {
    return Status(StatusCode::kNotFound, fmt::format("there is no file {}", path.string()));
  }
  int code = 0;
  const std::unique_ptr<zip_t, DiscardZip> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive == nullptr) return Damaged(path, "it is no .npz (zip) file");
  Npz content;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || stat.size > kMaxArrayBytes) {
      return Damaged(path, "an entry has no usable size");
    }
    std::string name = stat.name;
    const std::unique_ptr<zip_file_t, CloseEntry> entry(zip_fopen_index(archive.get(), index, 0));
    std::string bytes(stat.size, '\0');
    if (entry == nullptr || zip_fread(entry.get(), bytes.data(), bytes.size()) !=
                                static_cast<zip_int64_t>(bytes.size())) {
      return Damaged(path, "'" + name + "' cannot be read");
    }
    if (name == kDescription) {
      content.description = std::move(bytes);
      continue;
    }
    if (!name.ends_with(kSuffix)) return Damaged(path, "'" + name + "' is no array");
    name.resize(name.size() - kSuffix.size());
    StatusOr<Array> array = Array::FromNpy(Bytes(std::move(bytes)));
    if (!array.ok()) {
      return Damaged(path, "'" + name + "': " + std::string(array.status().message()));
    }
    content.arrays.Set(std::move(name), *std::move(array));
  }
  return content;
}

Status Damaged(const fs::path& path, const std::string& why) {
  return Status(StatusCode::kDataLoss, fmt::format("{} is damaged: {}", path.string(), why));
}

}  // namespace flwrcpp::server_app
