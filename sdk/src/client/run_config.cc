// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/run_config.h"

#include <toml++/toml.h>
#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

constexpr char kPyproject[] = "pyproject.toml";
/// A pyproject.toml is a few kilobytes; a FAB can claim one that unpacks to gigabytes.
constexpr std::size_t kMaxPyproject = std::size_t{1} << 20;
constexpr std::size_t kMaxEntries = 4096;
/// A flattened key repeats the names of all tables around it.
constexpr std::size_t kMaxKey = 1024;
constexpr int kMaxDepth = 32;

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

/// The end of the string whose opening quote is at `begin`: behind its closing quote, or before the
/// end of the line that should have had one.
std::size_t EndOfString(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::string_view triple = text.substr(begin, 3);
  const bool many_lines = triple.size() == 3 && triple[1] == quote && triple[2] == quote;
  for (std::size_t i = begin + (many_lines ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (many_lines && text.substr(i).starts_with(triple)) {
      return i + 3;
    } else if (!many_lines && text[i] == quote) {
      return i + 1;
    } else if (!many_lines && text[i] == '\n') {
      return i;
    }
  }
  return text.size();
}

/// Whether some dotted key is nested deeper than `kMaxDepth`. toml++ bounds the nesting of values
/// but not that of keys, and builds and destroys tables by recursion: enough dots crash it.
bool HasDeepKey(std::string_view text) {
  int dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
      case '\'':
        i = EndOfString(text, i) - 1;
        break;
      case '#':
        i = std::min(text.find('\n', i), text.size()) - 1;
        break;
      case '.':
        if (++dots > kMaxDepth) return true;
        break;
      case '=':
      case ',':
      case '[':
      case ']':
      case '{':
      case '}':
      case '\n':
        dots = 0;
        break;
      default:
        break;
    }
  }
  return false;
}

Status Flatten(const toml::table& table, const std::string& prefix, int depth, UserConfig& config) {
  if (depth > kMaxDepth) return InvalidArgument("the app's config is nested too deeply");
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (key.size() > kMaxKey) {
      return InvalidArgument("the app's config has a key of more than {} bytes", kMaxKey);
    }
    if (config.size() >= kMaxEntries) {
      return InvalidArgument("the app's config has more than {} entries", kMaxEntries);
    }
    if (const toml::table* const inner = node.as_table()) {
      FLWRCPP_RETURN_IF_ERROR(Flatten(*inner, key + ".", depth + 1, config));
    } else if (const auto* const text = node.as_string()) {
      config.Set(key, text->get());
    } else if (const auto* const integer = node.as_integer()) {
      config.Set(key, std::int64_t{integer->get()});
    } else if (const auto* const number = node.as_floating_point()) {
      config.Set(key, number->get());
    } else if (const auto* const boolean = node.as_boolean()) {
      config.Set(key, boolean->get());
    } else {
      return InvalidArgument("the app's config '{}' is no int, float, bool, str or table", key);
    }
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<UserConfig> ReadAppConfig(std::string_view pyproject) {
  if (HasDeepKey(pyproject)) {
    return InvalidArgument("the app's {} has a key of more than {} parts", kPyproject, kMaxDepth);
  }
  toml::table document;
  try {
    document = toml::parse(pyproject);
  } catch (const toml::parse_error& error) {
    return InvalidArgument("the app's {} is no TOML: {} in line {}", kPyproject,
                           error.description(), error.source().begin.line);
  }
  UserConfig config;
  const auto table = document["tool"]["flwr"]["app"]["config"];
  if (!table) return config;
  if (!table.is_table()) return InvalidArgument("the app's config is no table");
  FLWRCPP_RETURN_IF_ERROR(Flatten(*table.as_table(), "", 1, config));
  return config;
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
