// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// JSON: error bodies of a SuperLink, and our writer of JSON strings beside another's reader.

#include <nlohmann/json.hpp>

#include "records/json.h"
#include "rpc/flower_status.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {
namespace {

void CheckText(const Status& status) {
  const std::string text(status.message());
  Require(!status.ok(), "an error is no success");
  Require(text.size() < 2000, "an error text is short");
  for (const char c : text) {
    Require(static_cast<unsigned char>(c) >= ' ', "an error text has no control characters");
  }
  static_cast<void>(internal::FlowerCode(status));
}

void CheckWriter(std::string_view text) {
  std::string written;
  internal::AppendJsonString(text, written);
  const nlohmann::json read = nlohmann::json::parse(written, nullptr, false);
  Require(read.is_string(), "what is written is a JSON string");
  std::string again;
  internal::AppendJsonString(read.get<std::string>(), again);
  Require(again == written, "a string written again is the same");
  const nlohmann::json direct = nlohmann::json::parse(text, nullptr, false);
  if (!direct.is_string()) return;
  written.clear();
  const auto value = direct.get<std::string>();
  internal::AppendJsonString(value, written);
  Require(nlohmann::json::parse(written) == value, "a string is read as it was before");
}

}  // namespace

std::vector<std::string> Seeds() {
  return {
      R"({"code": 2001, "detail": "The key is in use.", "extra": "abc"})",
      R"({"code": 1005, "public_message": "not ready", "public_details": null})",
      R"({"detail": [{"loc": ["body"], "msg": "x", "type": "y"}]})",
      "Internal Server Error",
      R"("\u00e9\ud83d\ude00\n\"\\ )"
      "\xc3\xa9\xf0\x9f\x98\x80\x7f\"",
      "{\"code\": 1e3, \"detail\": \"\xff\", \"extra\": -9223372036854775808}",
  };
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  const std::string_view text = fuzz::AsText(data, size);
  fuzz::CheckText(internal::StatusFromHttp(412, text));
  fuzz::CheckText(internal::StatusFromHttp(401, text));
  fuzz::CheckText(internal::StatusFromGrpc(9, text));
  fuzz::CheckWriter(text);
  return 0;
}
