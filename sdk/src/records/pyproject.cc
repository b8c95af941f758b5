// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/pyproject.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/python_version.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMaxEntries = 4096;
/// A flattened key repeats the names of all tables around it.
constexpr std::size_t kMaxKey = 1024;
constexpr int kMaxDepth = 32;
/// Names become parts of paths and of what is shown to users.
constexpr std::size_t kMaxName = 256;

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

StatusOr<toml::table> ParseToml(std::string_view pyproject) {
  if (HasDeepKey(pyproject)) {
    return InvalidArgument("the app's pyproject.toml has a key of more than {} parts", kMaxDepth);
  }
  try {
    return StatusOr<toml::table>(toml::parse(pyproject));
  } catch (const toml::parse_error& error) {
    return InvalidArgument("the app's pyproject.toml is no TOML: {} in line {}",
                           error.description(), error.source().begin.line);
  }
}

StatusOr<UserConfig> ConfigOf(const toml::table& document) {
  UserConfig config;
  const auto table = document["tool"]["flwr"]["app"]["config"];
  if (!table) return config;
  if (!table.is_table()) return InvalidArgument("the app's config is no table");
  FLWRCPP_RETURN_IF_ERROR(Flatten(*table.as_table(), "", 1, config));
  return config;
}

using Node = toml::node_view<const toml::node>;

/// A text that has to be there. `where` names the table.
StatusOr<std::string> TextOf(Node table, const char* key, const char* where) {
  const auto* const text = table[key].as_string();
  if (text == nullptr || text->get().empty()) {
    return InvalidArgument("'{}' is missing in [{}], or is no text", key, where);
  }
  return text->get();
}

StatusOr<std::string> NameOf(Node table, const char* key, const char* where) {
  FLWRCPP_ASSIGN_OR_RETURN(std::string name, TextOf(table, key, where));
  const auto is_bad = [](unsigned char c) {
    return c < 0x20 || c == 0x7f || c == '/' || c == '\\';
  };
  if (name.size() > kMaxName || std::any_of(name.begin(), name.end(), is_bad)) {
    return InvalidArgument("'{}' in [{}] has more than {} bytes, a slash or control characters",
                           key, where, kMaxName);
  }
  return name;
}

/// A list of file patterns, if it is there.
Status CheckPatterns(Node app, const char* key) {
  const Node list = app[key];
  if (!list) return absl::OkStatus();
  const auto is_pattern = [](const toml::node& node) {
    const auto* const text = node.as_string();
    return text != nullptr && text->get().find_first_not_of(" \t\r\n") != std::string::npos;
  };
  const toml::array* const array = list.as_array();
  if (array == nullptr || array->empty() ||
      !std::all_of(array->begin(), array->end(), is_pattern)) {
    return InvalidArgument("'{}' in [tool.flwr.app] is no list of patterns", key);
  }
  return absl::OkStatus();
}

/// The reference `module:attribute` of a component; "" if it is not there.
StatusOr<std::string> ComponentOf(Node components, const char* key) {
  if (!components[key]) return std::string();
  FLWRCPP_ASSIGN_OR_RETURN(std::string reference,
                           TextOf(components, key, "tool.flwr.app.components"));
  const std::size_t colon = reference.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == reference.size()) {
    return InvalidArgument("'{}' in [tool.flwr.app.components] is not module:attribute", key);
  }
  return reference;
}

/// The app's dependency on `flwr`; there must be exactly one.
StatusOr<PythonRequirement> FlwrRequirementOf(Node project) {
  std::optional<PythonRequirement> found;
  const toml::array* const dependencies = project["dependencies"].as_array();
  if (dependencies == nullptr) return InvalidArgument("'dependencies' in [project] is no list");
  for (const toml::node& node : *dependencies) {
    const auto* const text = node.as_string();
    if (text == nullptr) return InvalidArgument("a dependency in [project] is no text");
    FLWRCPP_ASSIGN_OR_RETURN(PythonRequirement requirement, PythonRequirement::Parse(text->get()));
    if (requirement.name != "flwr") continue;
    if (found) return InvalidArgument("[project] has more than one dependency on flwr");
    found = std::move(requirement);
  }
  if (!found) return InvalidArgument("[project] has no dependency on flwr");
  return *std::move(found);
}

/// What version 1 of the format asks for beyond version 0.
Status CheckVersion1(Node project, Node app) {
  const auto license = project["license"]["file"].value<std::string>();
  if (license != "LICENSE" && license != "LICENSE.md") {
    return InvalidArgument("'license.file' in [project] is neither LICENSE nor LICENSE.md");
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::string text,
                           TextOf(app, "flwr-version-target", "tool.flwr.app"));
  FLWRCPP_ASSIGN_OR_RETURN(const PythonVersion target, PythonVersion::Parse(text));
  FLWRCPP_ASSIGN_OR_RETURN(const PythonRequirement flwr, FlwrRequirementOf(project));
  const auto is_lower = [](const auto& bound) { return bound.comparison == ">="; };
  if (std::none_of(flwr.bounds.begin(), flwr.bounds.end(), is_lower)) {
    return InvalidArgument("the dependency on flwr in [project] has no bound with >=");
  }
  if (!flwr.Allows(target)) {
    return InvalidArgument("'flwr-version-target' {} is not what the dependency on flwr allows",
                           text);
  }
  return absl::OkStatus();
}

Status CheckFormat(Node project, Node app) {
  const Node format = app["fab-format-version"];
  if (!format) return absl::OkStatus();
  const auto* const version = format.as_integer();
  if (version == nullptr || version->get() < 0 || version->get() > 1) {
    return InvalidArgument("'fab-format-version' in [tool.flwr.app] is neither 0 nor 1");
  }
  return version->get() == 1 ? CheckVersion1(project, app) : absl::OkStatus();
}

}  // namespace

StatusOr<FabInfo> ReadAppInfo(std::string_view pyproject) {
  FLWRCPP_ASSIGN_OR_RETURN(const toml::table document, ParseToml(pyproject));
  const Node project = document["project"];
  const Node app = document["tool"]["flwr"]["app"];
  FabInfo info;
  FLWRCPP_ASSIGN_OR_RETURN(info.name, NameOf(project, "name", "project"));
  FLWRCPP_ASSIGN_OR_RETURN(info.version, NameOf(project, "version", "project"));
  FLWRCPP_ASSIGN_OR_RETURN(info.publisher, NameOf(app, "publisher", "tool.flwr.app"));
  FLWRCPP_RETURN_IF_ERROR(CheckPatterns(app, "fab-include"));
  FLWRCPP_RETURN_IF_ERROR(CheckPatterns(app, "fab-exclude"));
  FLWRCPP_ASSIGN_OR_RETURN(info.config, ConfigOf(document));

  const Node components = app["components"];
  FLWRCPP_ASSIGN_OR_RETURN(const std::string agentapp, ComponentOf(components, "agentapp"));
  FLWRCPP_ASSIGN_OR_RETURN(info.serverapp, ComponentOf(components, "serverapp"));
  FLWRCPP_ASSIGN_OR_RETURN(info.clientapp, ComponentOf(components, "clientapp"));
  info.has_agentapp = !agentapp.empty();
  if (!info.has_agentapp && (info.serverapp.empty() || info.clientapp.empty())) {
    return InvalidArgument("[tool.flwr.app.components] must name a serverapp and a clientapp");
  }
  FLWRCPP_RETURN_IF_ERROR(CheckFormat(project, app));
  const Node cpp = document["tool"]["flwrcpp"];
  info.has_cpp_serverapp = cpp["serverapp"].value_or(false);
  info.has_cpp_clientapp = cpp["clientapp"].value_or(false);
  return info;
}

StatusOr<UserConfig> ReadAppConfig(std::string_view pyproject) {
  FLWRCPP_ASSIGN_OR_RETURN(const toml::table document, ParseToml(pyproject));
  return ConfigOf(document);
}

}  // namespace flwrcpp::internal
