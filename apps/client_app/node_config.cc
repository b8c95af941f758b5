// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <regex>

#include "client_app/options.h"

namespace flwrcpp::client_app {
namespace {

Status Bad(const std::string& what) {
  return Status(
      StatusCode::kInvalidArgument,
      "--node-config: " + what + ", expected key=value pairs such as \"partition-id=0 name='a'\"");
}

}  // namespace

StatusOr<UserConfig> ParseNodeConfig(const std::string& text) {
  static const std::regex pair(R"re(\s*([\w.-]+)=('[^']*'|"[^"]*"|\S+))re");
  UserConfig config;
  std::string rest = text;
  for (std::smatch match;
       std::regex_search(rest, match, pair, std::regex_constants::match_continuous);
       rest = match.suffix()) {
    const std::string key = match[1];
    const std::string value = match[2];
    toml::table table;
    try {
      table = toml::parse("value = " + value);
    } catch (const toml::parse_error& error) {
      return Bad(fmt::format("the value {} of '{}' is no TOML ({})", value, key,
                             std::string(error.description())));
    }
    const toml::node& node = *table.get("value");
    if (const auto* integer = node.as_integer()) {
      config.Set(key, integer->get());
    } else if (const auto* number = node.as_floating_point()) {
      config.Set(key, number->get());
    } else if (const auto* flag = node.as_boolean()) {
      config.Set(key, flag->get());
    } else if (const auto* string = node.as_string()) {
      config.Set(key, string->get());
    } else {
      return Bad(fmt::format("the value {} of '{}' is no bool, int, float or string", value, key));
    }
  }
  if (const std::size_t begin = rest.find_first_not_of(" \t\n"); begin != std::string::npos) {
    return Bad(fmt::format("'{}' cannot be read", rest.substr(begin)));
  }
  return config;
}

}  // namespace flwrcpp::client_app
