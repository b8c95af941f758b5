// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Nodes that send what the protocol does not allow.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/workflow_fixture.h"

namespace flwrcpp {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::SecAggFederation;
using ::testing::SizeIs;
using testing::Threshold;

namespace secagg = internal::secagg;

/// Replaces a value in the configs of a reply.
void SetInConfigs(Message& reply, const char* key, ConfigValue value) {
  RecordDict content = reply.content();
  ConfigRecord configs = *content.FindConfig(secagg::kConfigs);
  configs.Set(key, std::move(value));
  content.Set(secagg::kConfigs, std::move(configs));
  reply = Message(reply.metadata(), std::move(content));
}

const ConfigRecord& ConfigsOf(const Message& message) {
  return *message.content().FindConfig(secagg::kConfigs);
}

struct Lie {
  const char* name;
  const char* stage;
  const char* reason;  ///< A part of it.
  std::function<void(Message& reply)> tell;
};

/// What a node may send instead of what it should; it drops out, and the others go on.
class LyingNode : public ::testing::TestWithParam<Lie> {};

TEST_P(LyingNode, DropsOutAndTheOthersGoOn) {
  SecAggFederation federation(5, 9);
  auto liar = federation.members.begin();
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (id == liar->first && stage == GetParam().stage) GetParam().tell(reply);
  };
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  ASSERT_EQ(train->num_results, 4) << train->failures[0].second;
  liar->second.fails_in = secagg::kCollectMaskedVectors;  // so that the mean is without it
  federation.ExpectPlainMean(Threshold(3));
  ASSERT_THAT(train->failures, SizeIs(1));
  EXPECT_EQ(train->failures[0].first, liar->first);
  EXPECT_THAT(train->failures[0].second, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    SecAggPlusWorkflow, LyingNode,
    ::testing::Values(
        Lie{"NoConfigs", secagg::kSetup, "secaggplus_configs",
            [](Message& reply) { reply = Message(reply.metadata(), RecordDict()); }},
        Lie{"NoKey", secagg::kSetup, "no public key",
            [](Message& reply) { SetInConfigs(reply, secagg::kPublicKey1, ByteString{"key"}); }},
        Lie{"OneKeyTwice", secagg::kSetup, "there already",
            [](Message& reply) {
              SetInConfigs(reply, secagg::kPublicKey1, *ConfigsOf(reply).Find(secagg::kPublicKey2));
            }},
        Lie{"SharesForNobody", secagg::kShareKeys, "neighbours",
            [](Message& reply) {
              SetInConfigs(reply, secagg::kDestinationList, std::vector<std::uint64_t>{1, 2, 3, 4});
            }},
        Lie{"FewShares", secagg::kShareKeys, "ciphertexts",
            [](Message& reply) {
              SetInConfigs(reply, secagg::kCiphertextList, std::vector<ByteString>{{"x"}});
            }},
        Lie{"HugeShares", secagg::kShareKeys, "ciphertext of 70000 bytes",
            [](Message& reply) {
              SetInConfigs(reply, secagg::kCiphertextList,
                           std::vector<ByteString>(4, {std::string(70000, 'x')}));
            }},
        Lie{"NoModel", secagg::kCollectMaskedVectors, "masked arrays",
            [](Message& reply) {
              SetInConfigs(reply, secagg::kMaskedParameters, std::vector<ByteString>());
            }},
        Lie{"OtherModel", secagg::kCollectMaskedVectors, "shape",
            [](Message& reply) {
              auto files =
                  secagg::GetBytesList(ConfigsOf(reply), secagg::kMaskedParameters).value();
              files[2] = files[1];
              SetInConfigs(reply, secagg::kMaskedParameters, files);
            }},
        Lie{"NoArrays", secagg::kCollectMaskedVectors, "masked 'w'",
            [](Message& reply) {
              auto files =
                  secagg::GetBytesList(ConfigsOf(reply), secagg::kMaskedParameters).value();
              files[1].value = "no array";
              SetInConfigs(reply, secagg::kMaskedParameters, files);
            }}),
    [](const auto& lie) { return lie.param.name; });

TEST(SecAggLies, OneWrongShareIsNoticed) {
  SecAggFederation federation(5, 10);
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (id != federation.members.begin()->first || stage != secagg::kUnmask) return;
    auto shares = secagg::GetBytesList(ConfigsOf(reply), secagg::kShareList).value();
    shares[2].value[10] ^= 1;
    SetInConfigs(reply, secagg::kShareList, shares);
  };
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 0);
  EXPECT_THAT(train->failures[0].second, HasSubstr("do not belong to one secret"));
}

TEST(SecAggLies, AMaskThatIsLeftIsNoticed) {
  SecAggFederation federation(5, 11);
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (id != federation.members.begin()->first || stage != secagg::kCollectMaskedVectors) return;
    auto files = secagg::GetBytesList(ConfigsOf(reply), secagg::kMaskedParameters).value();
    files[0].value[files[0].value.size() - 8] ^= 1;  // the lowest bits of the masked weight
    SetInConfigs(reply, secagg::kMaskedParameters, files);
  };
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 0);
  EXPECT_THAT(train->failures[0].second, HasSubstr("sum of weights"));
}

TEST(SecAggLies, ACiphertextForAnotherStopsItsReceiver) {
  SecAggFederation federation(5, 12);
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (id != federation.members.begin()->first || stage != secagg::kShareKeys) return;
    auto ciphertexts = secagg::GetBytesList(ConfigsOf(reply), secagg::kCiphertextList).value();
    std::swap(ciphertexts[0], ciphertexts[1]);
    SetInConfigs(reply, secagg::kCiphertextList, ciphertexts);
  };
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 3);
  ASSERT_THAT(train->failures, SizeIs(2));
  EXPECT_THAT(train->failures[0].second, HasSubstr("another key"));
}

}  // namespace
}  // namespace flwrcpp
