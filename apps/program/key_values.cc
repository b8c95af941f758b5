// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/key_values.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <regex>

namespace flwrcpp::program {

StatusOr<UserConfig> ParseKeyValues(const std::string& where, const std::string& example,
                                    const std::string& text) {
  const auto bad = [&](const std::string& what) {
    return Status(
        StatusCode::kInvalidArgument,
        fmt::format("{}: {}, expected key=value pairs such as \"{}\"", where, what, example));
  };
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
      return bad(fmt::format("the value {} of '{}' is no TOML ({})", value, key,
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
      return bad(fmt::format("the value {} of '{}' is no bool, int, float or string", value, key));
    }
  }
  if (const std::size_t begin = rest.find_first_not_of(" \t\n"); begin != std::string::npos) {
    return bad(fmt::format("'{}' cannot be read", rest.substr(begin)));
  }
  return config;
}

}  // namespace flwrcpp::program
