// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Single objects as a peer sends them: head, children, length.

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "records/object.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const auto& object : testing::Vectors().at("worked_example_instruction").at("objects")) {
    seeds.push_back(testing::FromHex(object.at("content_hex")));
  }
  for (const auto& item : testing::Vectors().at("object_validation").items()) {
    seeds.push_back(testing::FromHex(item.value().at("content_hex")));
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  const std::string content(fuzz::AsText(data, size));
  const std::string id = internal::Sha256::Hex(content);

  const StatusOr<internal::ObjectHead> head = internal::ParseObjectHead(content);
  const StatusOr<internal::Object> object = internal::CheckObject(id, Bytes(content));
  Require(head.ok() == object.ok(), "an object with its hash is as good as its form");
  if (!head.ok()) return 0;

  Require(head->size == object->head.size() && object->size() == content.size(),
          "head and body are the whole object");
  Require(!internal::CheckObject(std::string(64, '0'), Bytes(content)).ok(),
          "an object with another hash is refused");
  for (const std::string& child : head->children) {
    Require(internal::IsObjectId(child), "children are object ids");
  }
  const internal::Object rebuilt = internal::MakeObject(head->type, head->children, object->body);
  const StatusOr<internal::ObjectHead> again = internal::ParseObjectHead(
      std::string(rebuilt.head.view()) + std::string(rebuilt.body.view()));
  Require(again.ok() && again->type == head->type && again->children == head->children,
          "an object written again says the same");
  return 0;
}
