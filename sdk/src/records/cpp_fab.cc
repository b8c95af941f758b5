// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/cpp_fab.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <zip.h>

#include <array>
#include <ctime>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "crypto/sha256.h"
#include "flwrcpp/version.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/fab.h"

namespace flwrcpp::internal {
namespace {

/// All entries carry the same time, so that the bytes depend on the content alone.
constexpr std::time_t kEntryTime = 1'700'000'000;

constexpr char kServerModule[] =
    "raise RuntimeError(\n"
    "    \"The ServerApp of this run is a C++ program. Start the SuperLink with \"\n"
    "    \"'--isolation process', or put the program on its PATH as 'flwr-serverapp'.\"\n"
    ")\n";
constexpr char kClientModule[] =
    "raise RuntimeError(\n"
    "    \"The ClientApps of this run are C++ programs. Put one on the PATH of this SuperNode as "
    "\"\n"
    "    \"'flwr-clientapp', or start the ServerApp with a FAB that holds a Python ClientApp.\"\n"
    ")\n";

struct Entry {
  std::string name;
  std::string content;
};

/// Adds a value of the run config.
/// @return `kInvalidArgument` for what TOML has no form for.
Status Insert(const std::string& key, const ConfigValue& value, toml::table& table) {
  if (const auto* const text = std::get_if<std::string>(&value)) {
    table.insert_or_assign(key, *text);
  } else if (const auto* const integer = std::get_if<std::int64_t>(&value)) {
    table.insert_or_assign(key, *integer);
  } else if (const auto* const number = std::get_if<double>(&value)) {
    table.insert_or_assign(key, *number);
  } else if (const auto* const boolean = std::get_if<bool>(&value)) {
    table.insert_or_assign(key, *boolean);
  } else {
    return InvalidArgument("the run config's '{}' is no int, float, bool or str", key);
  }
  return absl::OkStatus();
}

StatusOr<std::string> PyprojectOf(const UserConfig& config) {
  toml::table values;
  for (const auto& [key, value] : config) FLWRCPP_RETURN_IF_ERROR(Insert(key, value, values));
  const toml::table document{
      {"project", toml::table{{"name", "cpp-app"}, {"version", std::string(Version())}}},
      {"tool",
       toml::table{
           {"flwr",
            toml::table{
                {"app", toml::table{{"publisher", "flwrcpp"},
                                    {"components", toml::table{{"serverapp", "cpp_serverapp:app"},
                                                               {"clientapp", "cpp_clientapp:app"}}},
                                    {"config", values}}}}},
           {"flwrcpp", toml::table{{"serverapp", true}, {"clientapp", true}}}}}};
  std::ostringstream text;
  text << document << '\n';
  return text.str();
}

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

Status AddEntry(zip_t* archive, const Entry& entry) {
  zip_source_t* const content =
      zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0);
  const zip_int64_t index =
      content == nullptr ? -1
                         : zip_file_add(archive, entry.name.c_str(), content, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    if (content != nullptr) zip_source_free(content);
    return MakeError(StatusCode::kInternal, "cannot pack {}: {}", entry.name,
                     zip_strerror(archive));
  }
  const auto place = static_cast<zip_uint64_t>(index);
  zip_set_file_compression(archive, place, ZIP_CM_STORE, 0);
  zip_file_set_mtime(archive, place, kEntryTime, 0);
  return absl::OkStatus();
}

StatusOr<Bytes> Pack(std::span<const Entry> entries) {
  zip_error_t error;
  zip_error_init(&error);
  const Source target(zip_source_buffer_create(nullptr, 0, 0, &error));
  Archive archive(target == nullptr ? nullptr
                                    : zip_open_from_source(target.get(), ZIP_TRUNCATE, &error));
  zip_error_fini(&error);
  if (archive == nullptr) return MakeError(StatusCode::kInternal, "cannot make a FAB");
  zip_source_keep(target.get());  // the archive owns one share now
  for (const Entry& entry : entries) FLWRCPP_RETURN_IF_ERROR(AddEntry(archive.get(), entry));
  if (zip_close(archive.get()) != 0) {
    return MakeError(StatusCode::kInternal, "cannot pack a FAB: {}", zip_strerror(archive.get()));
  }
  static_cast<void>(archive.release());

  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_source_stat(target.get(), &info) != 0 || zip_source_open(target.get()) != 0) {
    return MakeError(StatusCode::kInternal, "cannot read the FAB that was packed");
  }
  std::string bytes(static_cast<std::size_t>(info.size), '\0');
  const zip_int64_t count = zip_source_read(target.get(), bytes.data(), bytes.size());
  zip_source_close(target.get());
  if (count != static_cast<zip_int64_t>(bytes.size())) {
    return MakeError(StatusCode::kInternal, "cannot read the FAB that was packed");
  }
  return Bytes(std::move(bytes));
}

}  // namespace

StatusOr<Bytes> MakeCppFab(const UserConfig& config) {
  FLWRCPP_ASSIGN_OR_RETURN(std::string pyproject, PyprojectOf(config));
  std::vector<Entry> entries = {{"pyproject.toml", std::move(pyproject)},
                                {"cpp_clientapp.py", kClientModule},
                                {"cpp_serverapp.py", kServerModule}};
  std::string listing;
  for (const Entry& entry : entries) {
    if (!listing.empty()) listing += '\n';
    constexpr std::size_t kBitsPerByte = 8;  // sizes are told in bits
    listing += fmt::format("{},{},{}", entry.name, Sha256::Hex(entry.content),
                           entry.content.size() * kBitsPerByte);
  }
  entries.push_back({".info/CONTENT", std::move(listing)});
  FLWRCPP_ASSIGN_OR_RETURN(Bytes fab, Pack(entries));
  FLWRCPP_RETURN_IF_ERROR(ReadFab(fab).status());
  return fab;
}

}  // namespace flwrcpp::internal
