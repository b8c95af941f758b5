// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/npy.h"

#include <fmt/ranges.h>
#include <zip.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "datasets/file.h"
#include "datasets/npy_column.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

constexpr std::string_view kSuffix = ".npy";

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

/// One array of an `.npz` file.
struct Entry {
  std::string name;
  zip_uint64_t index = 0;
  std::uint64_t size = 0;
};

class NpzFile {
 public:
  static StatusOr<NpzFile> Open(const std::string& path) {
    int code = 0;
    NpzFile file(path, zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (file.archive_ == nullptr) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      Status status = MakeError(StatusCode::kDataLoss, "'{}' is no .npz (zip) file: {}", path,
                                zip_error_strerror(&error));
      zip_error_fini(&error);
      return status;
    }
    FLWRCPP_RETURN_IF_ERROR(file.ReadDirectory());
    return file;
  }

  const std::vector<Entry>& entries() const { return entries_; }

  /// @return `kNotFound` naming the arrays that there are.
  StatusOr<Entry> Find(const std::string& name) const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
      if (entry.name == name) return entry;
      names.push_back(entry.name);
    }
    return MakeError(StatusCode::kNotFound, "'{}' has no array '{}'; its arrays are: {}", path_,
                     name, fmt::join(names, ", "));
  }

  StatusOr<Column> Read(const Entry& entry) const {
    const std::string where = path_ + "/" + entry.name + std::string(kSuffix);
    const std::unique_ptr<zip_file_t, CloseEntry> file(
        zip_fopen_index(archive_.get(), entry.index, 0));
    const auto read = [&](std::span<char> out) -> Status {
      std::size_t done = 0;
      while (file != nullptr && done < out.size()) {
        const zip_int64_t count = zip_fread(file.get(), out.data() + done, out.size() - done);
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
      }
      if (done == out.size()) return {};
      return MakeError(StatusCode::kDataLoss, "'{}' cannot be unpacked: it is damaged", where);
    };
    FLWRCPP_ASSIGN_OR_RETURN(Column column, internal::ReadNpyColumn({read, entry.size, where}));
    // One byte more: the checksum is compared at the end, and a size may be a lie.
    char extra = 0;
    if (zip_fread(file.get(), &extra, 1) != 0) {
      return MakeError(StatusCode::kDataLoss, "'{}' cannot be unpacked: it is damaged", where);
    }
    return column;
  }

 private:
  NpzFile(std::string path, zip_t* archive) : path_(std::move(path)), archive_(archive) {}

  Status ReadDirectory() {
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t info;
      zip_stat_init(&info);
      const auto index = static_cast<zip_uint64_t>(i);
      constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE;
      if (zip_stat_index(archive_.get(), index, 0, &info) != 0 ||
          (info.valid & kNeeded) != kNeeded) {
        return MakeError(StatusCode::kDataLoss, "'{}': entry {} cannot be read", path_, i);
      }
      std::string name = info.name;
      if (!name.ends_with(kSuffix)) continue;  // NumPy passes over other files too.
      name.resize(name.size() - kSuffix.size());
      entries_.push_back({std::move(name), index, info.size});
    }
    return {};
  }

  std::string path_;
  std::unique_ptr<zip_t, CloseArchive> archive_;
  std::vector<Entry> entries_;
};

}  // namespace

StatusOr<Table> ReadNpy(const std::string& path, const std::string& name, std::uint64_t max_bytes) {
  FLWRCPP_ASSIGN_OR_RETURN(internal::InputFile file, internal::OpenFile(path, max_bytes));
  const auto read = [&](std::span<char> out) -> Status {
    file.stream.read(out.data(), static_cast<std::streamsize>(out.size()));
    if (file.stream) return {};
    return MakeError(StatusCode::kDataLoss, "'{}' ends too early: it is truncated", path);
  };
  FLWRCPP_ASSIGN_OR_RETURN(Column column, internal::ReadNpyColumn({read, file.size, path}));
  return Table::Make({{name, std::move(column)}});
}

StatusOr<Table> ReadNpz(const std::string& path, const std::vector<std::string>& names,
                        std::uint64_t max_bytes) {
  // For its errors: libzip does not tell a missing file from a damaged one so plainly.
  FLWRCPP_RETURN_IF_ERROR(internal::OpenFile(path, max_bytes).status());
  FLWRCPP_ASSIGN_OR_RETURN(const NpzFile file, NpzFile::Open(path));
  std::vector<Entry> entries = file.entries();
  if (!names.empty()) {
    entries.clear();
    for (const std::string& name : names) {
      FLWRCPP_ASSIGN_OR_RETURN(Entry entry, file.Find(name));
      entries.push_back(std::move(entry));
    }
  }
  if (entries.empty()) return MakeError(StatusCode::kDataLoss, "'{}' holds no arrays", path);

  std::uint64_t unpacked = 0;
  std::vector<Table::NamedColumn> columns;
  for (const Entry& entry : entries) {
    if (entry.size > max_bytes - unpacked) {
      return MakeError(StatusCode::kResourceExhausted, "'{}' unpacks to more than {} bytes", path,
                       max_bytes);
    }
    unpacked += entry.size;
    FLWRCPP_ASSIGN_OR_RETURN(Column column, file.Read(entry));
    columns.push_back({entry.name, std::move(column)});
  }
  StatusOr<Table> table = Table::Make(std::move(columns));
  if (table.ok()) return table;
  return InvalidArgument("'{}': {}", path, std::string(table.status().message()));
}

}  // namespace flwrcpp::datasets
