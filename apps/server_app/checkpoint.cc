// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/checkpoint.h"

#include <fmt/format.h>
#include <zip.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "program/files.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".npy";
constexpr std::string_view kCheckpointPrefix = "checkpoint-";
constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{16} << 30;

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};

Status Damaged(const fs::path& path, const std::string& why) {
  return Status(StatusCode::kDataLoss, fmt::format("{} is damaged: {}", path.string(), why));
}

/// The round of `checkpoint-NNN.npz`, or -1.
int RoundOf(const fs::path& path) {
  const std::string stem = path.stem().string();
  int round = -1;
  if (path.extension() != ".npz" || !stem.starts_with(kCheckpointPrefix)) return -1;
  const char* const begin = stem.data() + kCheckpointPrefix.size();
  const char* const end = stem.data() + stem.size();
  const auto [stopped, error] = std::from_chars(begin, end, round);
  return error == std::errc() && stopped == end ? round : -1;
}

/// Writes the zip file itself, to `beside`; errors name `path`.
Status WriteNpz(const fs::path& path, const fs::path& beside, const ArrayRecord& arrays) {
  int code = 0;
  std::unique_ptr<zip_t, DiscardZip> archive(
      zip_open(beside.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (archive == nullptr) return program::CannotWrite(path, std::strerror(errno));
  std::vector<Bytes> contents;  // libzip reads them when it closes the archive
  for (const auto& [name, array] : arrays) {
    contents.push_back(array.Contiguous());
    const Bytes& npy = contents.back();
    zip_source_t* source = zip_source_buffer(archive.get(), npy.data(), npy.size(), 0);
    const zip_int64_t index =
        source == nullptr ? -1
                          : zip_file_add(archive.get(), (name + std::string(kSuffix)).c_str(),
                                         source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return program::CannotWrite(path, zip_strerror(archive.get()));
    }
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  if (zip_close(archive.get()) != 0) return program::CannotWrite(path, zip_strerror(archive.get()));
  archive.release();
  return absl::OkStatus();
}

}  // namespace

Status SaveNpz(const fs::path& path, const ArrayRecord& arrays) {
  return program::ReplaceFile(
      path, [&](const fs::path& beside) { return WriteNpz(path, beside, arrays); });
}

StatusOr<ArrayRecord> LoadNpz(const fs::path& path) {
  if (!fs::exists(path)) {
    return Status(StatusCode::kNotFound, fmt::format("there is no file {}", path.string()));
  }
  int code = 0;
  const std::unique_ptr<zip_t, DiscardZip> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive == nullptr) return Damaged(path, "it is no .npz (zip) file");
  ArrayRecord arrays;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), index, 0, &stat) != 0 || stat.size > kMaxArrayBytes) {
      return Damaged(path, "an entry has no usable size");
    }
    std::string name = stat.name;
    if (!name.ends_with(kSuffix)) return Damaged(path, "'" + name + "' is no array");
    name.resize(name.size() - kSuffix.size());
    const std::unique_ptr<zip_file_t, CloseEntry> entry(zip_fopen_index(archive.get(), index, 0));
    std::string npy(stat.size, '\0');
    if (entry == nullptr ||
        zip_fread(entry.get(), npy.data(), npy.size()) != static_cast<zip_int64_t>(npy.size())) {
      return Damaged(path, "'" + name + "' cannot be read");
    }
    StatusOr<Array> array = Array::FromNpy(Bytes(std::move(npy)));
    if (!array.ok()) {
      return Damaged(path, "'" + name + "': " + std::string(array.status().message()));
    }
    arrays.Set(std::move(name), *std::move(array));
  }
  if (arrays.empty()) return Damaged(path, "it has no arrays");
  return arrays;
}

Status SaveCheckpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  return SaveNpz(folder / fmt::format("{}{:03}.npz", kCheckpointPrefix, checkpoint.server_round),
                 checkpoint.arrays);
}

StatusOr<Checkpoint> LoadLatestCheckpoint(const fs::path& folder) {
  Checkpoint latest;
  latest.server_round = -1;
  fs::path file;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (const int round = RoundOf(entry.path()); round > latest.server_round) {
      latest.server_round = round;
      file = entry.path();
    }
  }
  if (latest.server_round < 0) {
    return Status(StatusCode::kNotFound,
                  fmt::format("{} has no checkpoint-NNN.npz to go on from", folder.string()));
  }
  StatusOr<ArrayRecord> arrays = LoadNpz(file);
  if (!arrays.ok()) return arrays.status();
  latest.arrays = *std::move(arrays);
  return latest;
}

}  // namespace flwrcpp::server_app
