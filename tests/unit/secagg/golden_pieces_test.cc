// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/secagg.json holds what stock Flower 1.42.0 with NumPy 2.4.6 and PyCryptodome
// computes; make_secagg.py beside it writes the file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "crypto/ec_key.h"
#include "flwrcpp/array.h"
#include "secagg/fernet.h"
#include "secagg/key_shares.h"
#include "secagg/masked_arrays.h"
#include "secagg/quantization.h"
#include "secagg/shamir.h"
#include "secagg/shared_key.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal::secagg {
namespace {

using ::testing::ElementsAreArray;
using testing::FromHex;
using testing::IsOk;
using testing::Json;
using ::testing::SizeIs;
using testing::ToHex;

const Json& Golden() {
  static const Json golden = testing::ReadGoldenJson("secagg.json");
  return golden;
}

TEST(GoldenSecAgg, SharedKeysAreThoseOfPython) {
  ASSERT_THAT(Golden()["shared_keys"], SizeIs(3));
  for (const Json& item : Golden()["shared_keys"]) {
    const auto own = EcPrivateKey::Parse(item["private_key"].get<std::string>());
    const auto peer = ParsePublicKey(item["public_key"].get<std::string>());
    ASSERT_THAT(own, IsOk());
    ASSERT_THAT(peer, IsOk());
    const auto key = GenerateSharedKey(*own, *peer);
    ASSERT_THAT(key, IsOk());
    EXPECT_EQ(AsView(*key), item["shared_key"].get<std::string>());
  }
}

TEST(GoldenSecAgg, PrivateKeysAreWrittenAsPythonDoes) {
  for (const Json& item : Golden()["shared_keys"]) {
    const auto text = item["private_key"].get<std::string>();
    EXPECT_EQ(AsView(EcPrivateKey::Parse(text)->PrivatePem()), text);
  }
}

TEST(GoldenSecAgg, FernetTokensAreThoseOfPython) {
  ASSERT_THAT(Golden()["fernet"], SizeIs(5));
  for (const Json& item : Golden()["fernet"]) {
    const auto key = item["key"].get<std::string>();
    const auto token = item["token"].get<std::string>();
    const std::string text = FromHex(item["text"]);
    const auto made =
        FernetEncrypt(key, text, item["time"].get<std::uint64_t>(), FromHex(item["iv"]));
    ASSERT_THAT(made, IsOk());
    EXPECT_EQ(*made, token);
    const auto read = FernetDecrypt(key, token);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(AsView(*read), text);
  }
}

TEST(GoldenSecAgg, SharesOfPythonGiveTheSecretBack) {
  ASSERT_THAT(Golden()["shamir"], SizeIs(5));
  for (const Json& item : Golden()["shamir"]) {
    std::vector<SecretBytes> shares;
    for (const Json& share : item["shares"]) shares.push_back(ToSecret(FromHex(share)));
    const auto threshold = item["threshold"].get<int>();
    while (shares.size() >= static_cast<std::size_t>(threshold)) {
      const auto secret = CombineShares(shares, threshold);
      ASSERT_THAT(secret, IsOk());
      EXPECT_EQ(ToHex(AsView(*secret)), item["secret"].get<std::string>());
      shares.erase(shares.begin());
    }
  }
}

TEST(GoldenSecAgg, MasksAreWhatNumPyDraws) {
  ASSERT_THAT(Golden()["masks"], SizeIs(28));
  for (const Json& item : Golden()["masks"]) {
    const auto expected = item["arrays"].get<MaskedArrays>();
    const auto mod_range = item["mod_range"].get<std::uint64_t>();
    MaskedArrays arrays;
    for (const auto& array : expected) arrays.emplace_back(array.size());
    ASSERT_THAT(AddMask(FromHex(item["seed"]), mod_range, MaskSign::kPlus, arrays), IsOk());
    EXPECT_EQ(arrays, expected) << "modulus " << mod_range;
    ASSERT_THAT(AddMask(FromHex(item["seed"]), mod_range, MaskSign::kMinus, arrays), IsOk());
    for (const auto& array : arrays) {
      EXPECT_THAT(array, ::testing::Each(0U));
    }
  }
}

/// What numpy.random.rand() draws.
class NumPyUniform {
 public:
  explicit NumPyUniform(std::uint32_t seed) : twister_(seed) {}
  double operator()() {
    const double high = static_cast<double>(twister_() >> 5);
    const double low = static_cast<double>(twister_() >> 6);
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

 private:
  std::mt19937 twister_;
};

template <typename T>
void CheckQuantization(const Json& item, const Array& array) {
  Settings settings;
  settings.clipping_range = item["clipping_range"].get<double>();
  settings.target_range = item["target_range"].get<std::int64_t>();
  const std::vector<T> values = array.ToVector<T>().value();
  std::vector<std::uint64_t> quantized(values.size());
  ASSERT_TRUE(Quantize(std::span(values), item["factor"].get<double>(), settings,
                       NumPyUniform(item["seed"].get<std::uint32_t>()), std::span(quantized)));
  EXPECT_EQ(quantized, item["quantized"].get<std::vector<std::uint64_t>>());

  // Of one node with the largest weight the mean is what it sent.
  const Dequantizer dequantize(settings, 1, static_cast<std::uint64_t>(settings.target_range));
  std::vector<double> back;
  for (const std::uint64_t number : quantized) back.push_back(dequantize(number));
  EXPECT_EQ(back, item["dequantized"].get<std::vector<double>>());
}

TEST(GoldenSecAgg, QuantizesAsNumPyDoes) {
  ASSERT_THAT(Golden()["quantization"], SizeIs(8));
  for (const Json& item : Golden()["quantization"]) {
    const Array array = Array::FromNpy(Bytes(FromHex(item["values"]))).value();
    if (array.Header()->descr == "<f4") {
      CheckQuantization<float>(item, array);
    } else {
      CheckQuantization<double>(item, array);
    }
  }
}

TEST(GoldenSecAgg, KeySharesAreWrittenAndReadAsPythonDoes) {
  const Json& item = Golden()["key_shares"];
  KeyShares shares;
  shares.src_node_id = std::stoull(item["src"].get<std::string>());
  shares.dst_node_id = std::stoull(item["dst"].get<std::string>());
  shares.rd_seed_share = ToSecret(FromHex(item["rd_seed_share"]));
  shares.sk1_share = ToSecret(FromHex(item["sk1_share"]));
  EXPECT_EQ(ToHex(AsView(WriteKeyShares(shares))), item["plaintext"].get<std::string>());
  const auto read = ReadKeyShares(FromHex(item["plaintext"]));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->src_node_id, shares.src_node_id);
  EXPECT_EQ(read->dst_node_id, shares.dst_node_id);
  EXPECT_EQ(read->rd_seed_share, shares.rd_seed_share);
  EXPECT_EQ(read->sk1_share, shares.sk1_share);
}

}  // namespace
}  // namespace flwrcpp::internal::secagg
