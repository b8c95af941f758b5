// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/fab.h"

#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr char kPyproject[] = "pyproject.toml";
/// A pyproject.toml is a few kilobytes; a FAB can claim one that unpacks to gigabytes.
constexpr std::size_t kMaxPyproject = std::size_t{1} << 20;
/// Source code shrinks to a fifth; what shrinks to a tenth and less is meant to fill a disk.
constexpr std::uint64_t kMaxUnpacked = std::uint64_t{10} * kMaxFabBytes;

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using File = std::unique_ptr<zip_file_t, CloseFile>;

StatusOr<Archive> OpenArchive(const Bytes& fab) {
  zip_error_t error;
  zip_error_init(&error);
  zip_t* archive = nullptr;
  zip_source_t* const source = zip_source_buffer_create(fab.data(), fab.size(), 0, &error);
  if (source != nullptr) {
    archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (archive == nullptr) zip_source_free(source);
  }
  const std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  if (archive == nullptr) {
    return InvalidArgument("the FAB of {} bytes is no zip file: {}", fab.size(), text);
  }
  return Archive(archive);
}

StatusOr<std::string> ReadPyproject(zip_t* archive) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat(archive, kPyproject, 0, &info) != 0 || (info.valid & ZIP_STAT_SIZE) == 0) {
    return InvalidArgument("the FAB holds no {}", kPyproject);
  }
  if (info.size > kMaxPyproject) {
    return InvalidArgument("the FAB's {} has {} bytes, more than {}", kPyproject, info.size,
                           kMaxPyproject);
  }
  const File file(zip_fopen(archive, kPyproject, 0));
  std::string text(static_cast<std::size_t>(info.size), '\0');
  std::size_t read = 0;
  while (file != nullptr && read < text.size()) {
    const zip_int64_t count = zip_fread(file.get(), text.data() + read, text.size() - read);
    if (count <= 0) break;
    read += static_cast<std::size_t>(count);
  }
  // One byte more: the checksum is compared at the end, and a size may be a lie.
  char extra = 0;
  if (file == nullptr || read != text.size() || zip_fread(file.get(), &extra, 1) != 0) {
    return InvalidArgument("the FAB's {} cannot be unpacked", kPyproject);
  }
  return text;
}

/// Whether a file of this name stays inside the directory that it is unpacked into.
bool StaysInside(std::string_view name) {
  if (name.empty() || name.front() == '/') return false;
  // Where a backslash or a colon is a part of a path, it could be an absolute one.
  if (name.find_first_of("\\:") != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part == ".." || part == ".") return false;
    begin = end + 1;
  }
  return true;
}

/// Checks what whoever unpacks the whole FAB relies on.
Status CheckEntries(zip_t* archive) {
  std::set<std::string, std::less<>> names;
  std::uint64_t unpacked = 0;
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t info;
    zip_stat_init(&info);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &info) != 0 ||
        (info.valid & kNeeded) != kNeeded) {
      return InvalidArgument("entry {} of the FAB cannot be read", i);
    }
    if (!StaysInside(info.name)) {
      return InvalidArgument("entry {} of the FAB leads out of its directory", i);
    }
    if (!names.emplace(info.name).second) {
      return InvalidArgument("the FAB holds '{}' twice", info.name);
    }
    if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) {
      return InvalidArgument("'{}' in the FAB is packed by method {}, neither stored nor deflated",
                             info.name, info.comp_method);
    }
    // Each size is at most 2^64 - 1, so the sum is checked before it could overflow.
    if (info.size > kMaxUnpacked || (unpacked += info.size) > kMaxUnpacked) {
      return InvalidArgument("the FAB unpacks to more than {} bytes", kMaxUnpacked);
    }
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<FabInfo> ReadFab(const Bytes& fab) {
  if (fab.size() > kMaxFabBytes) {
    return InvalidArgument("the FAB has {} bytes, more than {}", fab.size(), kMaxFabBytes);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const Archive archive, OpenArchive(fab));
  FLWRCPP_RETURN_IF_ERROR(CheckEntries(archive.get()));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string pyproject, ReadPyproject(archive.get()));
  return ReadAppInfo(pyproject);
}

StatusOr<UserConfig> ReadFabConfig(const Bytes& fab) {
  FLWRCPP_ASSIGN_OR_RETURN(const Archive archive, OpenArchive(fab));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string pyproject, ReadPyproject(archive.get()));
  return ReadAppConfig(pyproject);
}

UserConfig Overlay(UserConfig defaults, const UserConfig& overrides) {
  for (const auto& [key, value] : overrides) defaults.Set(key, value);
  return defaults;
}

}  // namespace flwrcpp::internal
