// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace flwrcpp::testing {

using Json = nlohmann::ordered_json;

/// A JSON file of tests/golden.
inline Json ReadGoldenJson(const std::string& name) {
  std::ifstream file(std::string(FLWRCPP_GOLDEN_DIR) + "/" + name);
  return Json::parse(file);
}

/// What stock Flower computed: objects, ids, headers, wire messages.
inline const Json& Vectors() {
  static const Json vectors = ReadGoldenJson("vectors.json");
  return vectors;
}

/// Takes JSON or anything that becomes a JSON string.
inline std::string FromHex(const Json& json) {
  const auto hex = json.get<std::string>();
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

}  // namespace flwrcpp::testing
