// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// What peers may send in place of keys, tokens, shares and settings.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "crypto/ec_key.h"
#include "crypto/encoding.h"
#include "secagg/fernet.h"
#include "secagg/gf128.h"
#include "secagg/key_shares.h"
#include "secagg/masked_arrays.h"
#include "secagg/quantization.h"
#include "secagg/records.h"
#include "secagg/settings.h"
#include "secagg/shamir.h"
#include "secagg/shared_key.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal::secagg {
namespace {

using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;

std::string ReadKeyFile(const std::string& name) {
  std::ifstream file(std::string(FLWRCPP_GOLDEN_DIR) + "/keys/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(SharedKey, IsTheSameOnBothSidesAndOnNoOther) {
  const EcPrivateKey a = EcPrivateKey::Generate();
  const EcPrivateKey b = EcPrivateKey::Generate();
  const EcPrivateKey c = EcPrivateKey::Generate();
  const auto ab = GenerateSharedKey(a, ParsePublicKey(b.public_pem()).value());
  const auto ba = GenerateSharedKey(b, ParsePublicKey(a.public_pem()).value());
  const auto ac = GenerateSharedKey(a, ParsePublicKey(c.public_pem()).value());
  ASSERT_THAT(ab, IsOk());
  EXPECT_THAT(*ab, SizeIs(44));
  EXPECT_EQ(*ab, *ba);
  EXPECT_NE(*ab, *ac);
}

TEST(SharedKey, OtherKeysAreRefused) {
  EXPECT_THAT(ParsePublicKey(ReadKeyFile("p384.public.pem")), IsOk());
  EXPECT_THAT(ParsePublicKey(ReadKeyFile("p256.public.pem")), StatusIs(kInvalid, "not on P-384"));
  EXPECT_THAT(ParsePublicKey(""), StatusIs(kInvalid));
  EXPECT_THAT(ParsePublicKey(std::string(5000, 'x')), StatusIs(kInvalid, "5000 bytes"));
  const EcPublicKey other = EcPublicKey::ParsePem(ReadKeyFile("p256.public.pem")).value();
  EXPECT_THAT(GenerateSharedKey(EcPrivateKey::Generate(), other), StatusIs(kInvalid, "prime256v1"));
}

TEST(Fernet, ChangedTokensAreRefused) {
  const std::string key = Base64UrlEncode(RandomBytes(32));
  const std::string token = FernetEncrypt(key, "a text", 1, RandomBytes(16)).value();
  ASSERT_EQ(AsView(FernetDecrypt(key, token).value()), "a text");
  const std::string bytes = Base64UrlDecode(token).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(FernetDecrypt(key, Base64UrlEncode(changed)), StatusIs(kInvalid)) << i;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(FernetDecrypt(key, Base64UrlEncode(bytes.substr(0, size))), StatusIs(kInvalid));
  }
  EXPECT_THAT(FernetDecrypt(Base64UrlEncode(RandomBytes(32)), token),
              StatusIs(kInvalid, "another key"));
  EXPECT_THAT(FernetDecrypt(key, "no base64!"), StatusIs(kInvalid));
  EXPECT_THAT(FernetDecrypt(key, std::string(70000, 'A')), StatusIs(kInvalid, "70000"));
}

TEST(Fernet, KeysOfAnotherFormAreRefused) {
  EXPECT_THAT(FernetDecrypt("", "AAAA"), StatusIs(kInvalid, "Fernet key"));
  EXPECT_THAT(FernetEncrypt(Base64UrlEncode(RandomBytes(31)), "text", 1, RandomBytes(16)),
              StatusIs(kInvalid, "Fernet key"));
  EXPECT_THAT(FernetEncrypt(Base64UrlEncode(RandomBytes(32)), "text", 1, RandomBytes(15)),
              StatusIs(kInvalid, "IV of 15"));
}

TEST(Base64Url, HasItsOwnTwoCharacters) {
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8=");
  EXPECT_EQ(Base64UrlDecode("-_8=").value(), "\xfb\xff");
  EXPECT_THAT(Base64UrlDecode("+/8="), StatusIs(kInvalid));
}

TEST(Gf128, InverseTimesElementIsOne) {
  for (int i = 0; i < 20; ++i) {
    const Gf128 element = Gf128::Load(RandomBytes(16));
    EXPECT_EQ(element * element.Inverse(), Gf128(1));
  }
  EXPECT_EQ(Gf128(0).Inverse(), Gf128(0));
}

TEST(Shamir, AnyThresholdOfSharesGivesTheSecretAndFewerDoNot) {
  const std::string secret = RandomBytes(32);
  const std::vector<SecretBytes> shares = CreateShares(secret, 3, 5);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a + 1; b < 5; ++b) {
      for (std::size_t c = b + 1; c < 5; ++c) {
        const auto combined = CombineShares(std::vector{shares[c], shares[a], shares[b]}, 3);
        ASSERT_THAT(combined, IsOk());
        EXPECT_EQ(AsView(*combined), secret);
      }
      const std::vector two = {shares[a], shares[b]};
      EXPECT_THAT(CombineShares(two, 3), StatusIs(kInvalid, "2 shares"));
      // What the two would give alone is another text, and padding that is right by chance alone.
      const auto wrong = CombineShares(two, 2);
      EXPECT_TRUE(!wrong.ok() || AsView(*wrong) != secret);
    }
  }
}

TEST(Shamir, SharesDifferEachTime) {
  const std::string secret = RandomBytes(32);
  EXPECT_NE(CreateShares(secret, 2, 3), CreateShares(secret, 2, 3));
}

TEST(Shamir, WrongSharesAreNoticed) {
  const std::vector<SecretBytes> shares = CreateShares(RandomBytes(32), 2, 4);
  std::vector<SecretBytes> twice = {shares[0], shares[0]};
  EXPECT_THAT(CombineShares(twice, 2), StatusIs(kInvalid, "number 1"));
  std::vector<SecretBytes> shorter = {shares[0], shares[1]};
  shorter[1].resize(36);
  EXPECT_THAT(CombineShares(shorter, 2), StatusIs(kInvalid, "36 bytes"));
  const std::vector<SecretBytes> five = CreateShares(RandomBytes(32), 3, 5);
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<SecretBytes> changed = five;
    changed[i][20] ^= 1;
    EXPECT_THAT(CombineShares(changed, 3), StatusIs(kInvalid, "do not belong")) << i;
  }
  EXPECT_THAT(CombineShares({}, 0), StatusIs(kInvalid));
}

TEST(Shamir, WhatIsNoShareIsRefused) {
  for (const std::size_t size : {0U, 3U, 4U, 19U, 21U, 4U + 65 * 16}) {
    std::string share(size, '\0');
    if (size > 0) share[0] = 1;
    EXPECT_THAT(CheckShare(share), StatusIs(kInvalid)) << size;
  }
  EXPECT_THAT(CheckShare(std::string(20, '\0')), StatusIs(kInvalid, "number 0"));
  EXPECT_THAT(CheckShare(std::string(20, '\x01')), StatusIs(kInvalid, "number 16843009"));
  EXPECT_EQ(CheckShare(std::string("\x05\x01\0\0", 4) + std::string(16, 'x')).value(), 261);
}

TEST(KeyShares, DamagedOnesAreRefused) {
  const std::vector<SecretBytes> shares = CreateShares(RandomBytes(32), 2, 3);
  const SecretBytes text = WriteKeyShares({1, 2, shares[0], shares[1]});
  ASSERT_THAT(ReadKeyShares(AsView(text)), IsOk());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const bool is_shorter_share = size > 76 && (text.size() - size) % 16 == 0;
    if (is_shorter_share) continue;
    EXPECT_THAT(ReadKeyShares(AsView(text).substr(0, size)), StatusIs(kInvalid)) << size;
  }
  SecretBytes long_share = text;
  long_share[16] = static_cast<char>(0xff);
  EXPECT_THAT(ReadKeyShares(AsView(long_share)), StatusIs(kInvalid));
}

TEST(AddMask, SeedsOfAnotherFormAreRefused) {
  MaskedArrays arrays = {{0}};
  EXPECT_THAT(AddMask("", 16, MaskSign::kPlus, arrays), StatusIs(kInvalid));
  EXPECT_THAT(AddMask("12345", 16, MaskSign::kPlus, arrays), StatusIs(kInvalid, "5 bytes"));
}

TEST(AddMask, BothSidesOfAPairCancelOut) {
  EXPECT_EQ(PairwiseSign(5, 3), Opposite(PairwiseSign(3, 5)));
  EXPECT_EQ(PairwiseSign(~std::uint64_t{0}, 1), MaskSign::kPlus);
}

Settings ValidSettings() {
  Settings settings;
  settings.sample_num = 5;
  settings.share_num = 5;
  settings.threshold = 3;
  settings.clipping_range = 8;
  settings.target_range = 1 << 22;
  settings.mod_range = std::int64_t{1} << 32;
  settings.max_weight = 1000;
  return settings;
}

TEST(Settings, AreReadAsTheyAreWritten) {
  ConfigRecord record;
  WriteSettings(ValidSettings(), record);
  ConfigRecord again;
  WriteSettings(ReadSettings(record).value(), again);
  EXPECT_EQ(record, again);
  EXPECT_THAT(record, SizeIs(7));
}

TEST(Settings, WhatCannotBeWorkedWithIsRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<std::string, ConfigValue>> wrong = {
      {"sample_num", std::int64_t{1}},
      {"share_num", std::int64_t{1}},
      {"share_num", std::int64_t{65536}},
      {"threshold", std::int64_t{1}},  // any share would be the secret
      {"threshold", std::int64_t{6}},
      {"threshold", std::string("3")},
      {"clipping_range", 0.0},
      {"clipping_range", nan},
      {"clipping_range", infinity},
      {"target_range", std::int64_t{0}},
      {"target_range", (std::int64_t{1} << 30) + 1},
      {"mod_range", std::int64_t{1} << 22},
      {"mod_range", (std::int64_t{1} << 32) + 1},
      {"mod_range", std::numeric_limits<std::uint64_t>::max()},
      {"max_weight", -1.0},
  };
  for (const auto& [key, value] : wrong) {
    ConfigRecord record;
    WriteSettings(ValidSettings(), record);
    record.Set(key, value);
    EXPECT_THAT(ReadSettings(record), StatusIs(kInvalid, key));
  }
  EXPECT_THAT(ReadSettings(ConfigRecord()), StatusIs(StatusCode::kNotFound, "sample_num"));
}

TEST(Quantize, ClipsAndRefusesNaN) {
  const std::vector<double> values = {100, -100, 0};
  std::vector<std::uint64_t> out(3);
  const auto half = [] { return 0.5; };
  EXPECT_TRUE(Quantize(std::span(values), 1, ValidSettings(), half, std::span(out)));
  EXPECT_EQ(out, (std::vector<std::uint64_t>{1 << 22, 0, 1 << 21}));
  const std::vector<float> nan = {0, std::numeric_limits<float>::quiet_NaN(), 0};
  EXPECT_FALSE(Quantize(std::span(nan), 1, ValidSettings(), half, std::span(out)));
  const std::vector<float> infinite = {std::numeric_limits<float>::infinity(), 0, 0};
  EXPECT_TRUE(Quantize(std::span(infinite), 1, ValidSettings(), half, std::span(out)));
  EXPECT_FALSE(Quantize(std::span(infinite), 0, ValidSettings(), half, std::span(out)));
}

TEST(Quantize, RoundsToTheRightMean) {
  Settings settings = ValidSettings();
  settings.target_range = 16;  // a step is 1
  const std::vector<double> values(1000, 0.25);
  std::vector<std::uint64_t> out(values.size());
  double next = 0;
  const auto even = [&] { return next = next >= 0.999 ? 0 : next + 0.001; };
  ASSERT_TRUE(Quantize(std::span(values), 1, settings, even, std::span(out)));
  double sum = 0;
  for (const std::uint64_t number : out) sum += static_cast<double>(number);
  EXPECT_NEAR(sum / 1000, 8.25, 0.002);
}

TEST(QuantizeWeight, RoundsHalvesToEven) {
  Settings settings = ValidSettings();
  settings.target_range = 1000;
  settings.max_weight = 2000;
  EXPECT_EQ(QuantizeWeight(1, settings), 0);
  EXPECT_EQ(QuantizeWeight(3, settings), 2);
  EXPECT_EQ(QuantizeWeight(5, settings), 2);
}

TEST(GetNodeIds, TakesEveryFormOfAList) {
  ConfigRecord record;
  record.Set("unsigned", std::vector<std::uint64_t>{~std::uint64_t{0}, 1});
  record.Set("signed", std::vector<std::int64_t>{5, 6});
  record.Set("empty", std::vector<bool>());
  record.Set("negative", std::vector<std::int64_t>{-5});
  record.Set("twice", std::vector<std::int64_t>{5, 5});
  record.Set("text", std::string());
  record.Set("one", std::int64_t{1});
  EXPECT_EQ(GetNodeIds(record, "unsigned").value()[0], ~std::uint64_t{0});
  EXPECT_EQ(GetNodeIds(record, "signed").value(), (std::vector<std::uint64_t>{5, 6}));
  EXPECT_THAT(GetNodeIds(record, "empty").value(), SizeIs(0));
  EXPECT_THAT(GetBytesList(record, "empty").value(), SizeIs(0));
  EXPECT_THAT(GetNodeIds(record, "negative"), StatusIs(kInvalid, "-5"));
  EXPECT_THAT(GetNodeIds(record, "twice"), StatusIs(kInvalid, "twice"));
  EXPECT_THAT(GetNodeIds(record, "text"), StatusIs(kInvalid));
  EXPECT_THAT(GetNodeIds(record, "one"), StatusIs(kInvalid));
  EXPECT_THAT(GetNodeIds(record, "none"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(GetBytesList(record, "signed"), StatusIs(kInvalid));
}

}  // namespace
}  // namespace flwrcpp::internal::secagg
