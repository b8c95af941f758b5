// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What peers of a secure aggregation send each other: tokens, shares of keys, shares of secrets.

#include <vector>

#include "crypto/encoding.h"
#include "secagg/fernet.h"
#include "secagg/key_shares.h"
#include "secagg/masked_arrays.h"
#include "secagg/shamir.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

using namespace internal::secagg;  // NOLINT(google-build-using-namespace): the subject
using internal::AsView;
using internal::SecretBytes;

const testing::Json& Golden() {
  static const testing::Json golden = testing::ReadGoldenJson("secagg.json");
  return golden;
}

void CheckToken(std::string_view text) {
  static const auto key = Golden()["fernet"][1]["key"].get<std::string>();
  const StatusOr<SecretBytes> read = FernetDecrypt(key, text);
  if (read.ok()) {
    const std::string bytes = internal::Base64UrlDecode(text).value();
    std::uint64_t time = 0;
    for (int i = 1; i <= 8; ++i) time = time << 8 | static_cast<unsigned char>(bytes[i]);
    const auto again = FernetEncrypt(key, AsView(*read), time, bytes.substr(9, 16));
    Require(again.ok() && internal::Base64UrlDecode(*again).value() == bytes,
            "a token that is accepted was made with the key");
  }
}

void CheckKeyShares(std::string_view text) {
  const StatusOr<KeyShares> shares = ReadKeyShares(text);
  if (!shares.ok()) return;
  Require(AsView(WriteKeyShares(*shares)) == text, "key shares are written as they were read");
}

/// A threshold and shares, piece by piece.
void CheckCombine(std::string_view text) {
  InputReader reader(text);
  const int threshold = reader.Byte();
  std::vector<SecretBytes> shares;
  while (!reader.empty() && shares.size() < 8) shares.push_back(internal::ToSecret(reader.Piece()));
  const StatusOr<SecretBytes> secret = CombineShares(shares, threshold);
  if (!secret.ok()) return;
  Require(secret->size() < shares[0].size(), "a secret is shorter than its shares");
  MaskedArrays arrays = {{1, 2}, {3}};
  static_cast<void>(AddMask(AsView(*secret), std::uint64_t{1} << 32, MaskSign::kPlus, arrays));
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {Golden()["fernet"][1]["token"].get<std::string>(),
                                    testing::FromHex(Golden()["key_shares"]["plaintext"])};
  for (const testing::Json& item : Golden()["shamir"]) {
    if (item["shares"].size() > 7) continue;
    std::string seed(1, static_cast<char>(item["threshold"].get<int>()));
    for (const testing::Json& share : item["shares"]) seed += MakePiece(testing::FromHex(share));
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = flwrcpp::fuzz::AsText(data, size);
  flwrcpp::fuzz::CheckToken(text);
  flwrcpp::fuzz::CheckKeyShares(text);
  flwrcpp::fuzz::CheckCombine(text);
  return 0;
}
