// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Key files and the keys that a node sends: PEM, OpenSSH's two forms, base64.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "crypto/ec_key.h"
#include "crypto/encoding.h"
#include "crypto/openssh_key.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {
namespace {

void CheckPrivate(std::string_view text) {
  const StatusOr<internal::EcPrivateKey> key = internal::EcPrivateKey::Parse(text);
  if (!key.ok()) return;
  const StatusOr<internal::EcPublicKey> half = internal::EcPublicKey::ParsePem(key->public_pem());
  Require(half.ok(), "the public half of an accepted key can be read");
  Require(half->Verify("claim", key->Sign("claim")), "an accepted key signs");
  Require(!half->Verify("other claim", key->Sign("claim")), "a signature is of one text");
}

void CheckPublic(std::string_view text) {
  const StatusOr<internal::EcPublicKey> exact = internal::EcPublicKey::ParsePem(text);
  Require(!exact.ok() || exact->pem() == text, "a key sent as PEM is kept as it is");
  const StatusOr<internal::EcPublicKey> key = internal::EcPublicKey::Parse(text);
  if (!key.ok()) return;
  const StatusOr<internal::EcPublicKey> again = internal::EcPublicKey::Parse(key->pem());
  Require(again.ok() && again->pem() == key->pem(), "a key written as PEM is read as the same");
  static_cast<void>(key->Verify("claim", text));
  static_cast<void>(key->is_nist_curve());
}

void CheckBase64(std::string_view text) {
  const StatusOr<std::string> bytes = internal::Base64Decode(text);
  const StatusOr<std::string> again = internal::Base64Decode(internal::Base64Encode(text));
  Require(again.ok() && *again == text, "base64 gives back what was encoded");
  if (!bytes.ok()) return;
  Require(internal::Base64Encode(*bytes).size() == text.size(), "base64 has one length");
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FLWRCPP_GOLDEN_DIR) + "/keys")) {
    if (entry.path().extension() != ".py") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());  // else the mutations depend on the file system
  std::vector<std::string> seeds;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = flwrcpp::fuzz::AsText(data, size);
  flwrcpp::fuzz::CheckPrivate(text);
  flwrcpp::fuzz::CheckPublic(text);
  flwrcpp::fuzz::CheckBase64(text);
  return 0;
}
