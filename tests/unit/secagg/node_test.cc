// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// What a node answers to a server that does not keep to the protocol.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "crypto/ec_key.h"
#include "secagg/records.h"
#include "secagg/settings.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/federation.h"

namespace flwrcpp {
namespace {

using testing::FixedClient;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::TestNode;
using testing::TwoArrays;
namespace secagg = internal::secagg;

const ConfigRecord& ConfigsOf(const Message& message) {
  return *message.content().FindConfig(secagg::kConfigs);
}

ConfigRecord Stage(const char* name) {
  ConfigRecord configs;
  configs.Set(secagg::kStage, std::string(name));
  return configs;
}

Message Instruction(std::uint64_t node_id, ConfigRecord configs, std::string type = "train") {
  auto content = std::make_shared<RecordDict>();
  content->Set("fitins.parameters", TwoArrays({0, 0}));
  content->Set("fitins.config", ConfigRecord());
  content->Set(secagg::kConfigs, std::move(configs));
  return Message::Instruction(content, node_id, std::move(type));
}

/// Three nodes, and a server that keeps to the protocol as far as a test wants.
class SecAggPlusMod : public ::testing::Test {
 protected:
  SecAggPlusMod() {
    for (const std::uint64_t id : {1, 2, 3}) {
      nodes.emplace(id, TestNode(id, std::make_shared<FixedClient>(TwoArrays({1, 2}), 10)));
    }
  }

  static ConfigRecord SetupConfigs() {
    ConfigRecord configs = Stage(secagg::kSetup);
    secagg::Settings settings{3, 3, 2, 8, 1 << 22, std::int64_t{1} << 32, 1000};
    secagg::WriteSettings(settings, configs);
    return configs;
  }

  Message Ask(std::uint64_t id, const ConfigRecord& configs) {
    return nodes.at(id).Answer(Instruction(id, configs));
  }

  void SetUpAll() {
    for (auto& [id, node] : nodes) {
      const Message reply = Ask(id, SetupConfigs());
      ASSERT_TRUE(reply.has_content()) << reply.error().reason;
      keys.Set(std::to_string(id),
               std::vector<ByteString>{
                   {secagg::GetBytes(ConfigsOf(reply), secagg::kPublicKey1).value()},
                   {secagg::GetBytes(ConfigsOf(reply), secagg::kPublicKey2).value()}});
    }
  }

  ConfigRecord ShareConfigs() const {
    ConfigRecord configs = keys;
    configs.Set(secagg::kStage, std::string(secagg::kShareKeys));
    return configs;
  }

  void ShareAll() {
    SetUpAll();
    for (auto& [id, node] : nodes) {
      const Message reply = Ask(id, ShareConfigs());
      ASSERT_TRUE(reply.has_content()) << reply.error().reason;
      const auto dsts = secagg::GetNodeIds(ConfigsOf(reply), secagg::kDestinationList).value();
      const auto texts = secagg::GetBytesList(ConfigsOf(reply), secagg::kCiphertextList).value();
      for (std::size_t i = 0; i < dsts.size(); ++i) {
        sources[dsts[i]].push_back(id);
        ciphertexts[dsts[i]].push_back(texts[i]);
      }
    }
  }

  ConfigRecord CollectConfigs(std::uint64_t id) {
    ConfigRecord configs = Stage(secagg::kCollectMaskedVectors);
    configs.Set(secagg::kSourceList, sources[id]);
    configs.Set(secagg::kCiphertextList, ciphertexts[id]);
    return configs;
  }

  void CollectAll() {
    ShareAll();
    for (auto& [id, node] : nodes) {
      const Message reply = Ask(id, CollectConfigs(id));
      ASSERT_TRUE(reply.has_content()) << reply.error().reason;
    }
  }

  static ConfigRecord UnmaskConfigs(std::vector<std::uint64_t> active,
                                    std::vector<std::uint64_t> dead) {
    ConfigRecord configs = Stage(secagg::kUnmask);
    configs.Set(secagg::kActiveNodeIdList, std::move(active));
    configs.Set(secagg::kDeadNodeIdList, std::move(dead));
    return configs;
  }

  /// Node 1 refuses in these words and goes on as if it had not been asked.
  void ExpectRefusal(const ConfigRecord& configs, const std::string& text) {
    const RecordDict before = nodes.at(1).context.state;
    const Message reply = Ask(1, configs);
    ASSERT_TRUE(reply.has_error());
    EXPECT_THAT(reply.error().reason, HasSubstr(text));
    EXPECT_THAT(reply.error().reason, HasSubstr("secure aggregation"));
    EXPECT_EQ(nodes.at(1).context.state, before);
  }

  std::map<std::uint64_t, TestNode> nodes;
  ConfigRecord keys;
  std::map<std::uint64_t, std::vector<std::uint64_t>> sources;
  std::map<std::uint64_t, std::vector<ByteString>> ciphertexts;
};

TEST_F(SecAggPlusMod, KeepsToTheOrderOfStages) {
  ExpectRefusal(ShareConfigs(), "cannot follow 'unmask'");
  ExpectRefusal(Stage("sleep"), "no stage 'sleep'");
  ExpectRefusal(ConfigRecord(), "stage");
  SetUpAll();
  ExpectRefusal(CollectConfigs(1), "cannot follow 'setup'");
  ASSERT_TRUE(Ask(1, ShareConfigs()).has_content());
  ExpectRefusal(ShareConfigs(), "cannot follow 'share_keys'");
  ExpectRefusal(UnmaskConfigs({1, 2}, {}), "cannot follow 'share_keys'");
}

TEST_F(SecAggPlusMod, BeginsAnewWithNewKeysAtAnyTime) {
  SetUpAll();
  const Message again = Ask(1, SetupConfigs());
  ASSERT_TRUE(again.has_content());
  EXPECT_NE(ConfigsOf(again).Find(secagg::kPublicKey1)->index(), std::variant_npos);
  ExpectRefusal(ShareConfigs(), "own keys are missing or were changed");
}

TEST_F(SecAggPlusMod, TrainsNothingWithoutProtection) {
  auto content = std::make_shared<RecordDict>();
  content->Set("fitins.parameters", TwoArrays({0, 0}));
  content->Set("fitins.config", ConfigRecord());
  const Message plain = nodes.at(1).Answer(Message::Instruction(content, 1, "train"));
  ASSERT_TRUE(plain.has_error());
  EXPECT_THAT(plain.error().reason, HasSubstr("no ConfigRecord 'secaggplus_configs'"));
  const Message action = nodes.at(1).Answer(Message::Instruction(content, 1, "train.default"));
  ASSERT_TRUE(action.has_error());
  EXPECT_THAT(action.error().reason, HasSubstr("train.default"));
}

TEST_F(SecAggPlusMod, LetsOtherMessagesThrough) {
  const Message reply =
      nodes.at(1).Answer(Instruction(1, ConfigRecord(), std::string(message_type::kGetProperties)));
  EXPECT_TRUE(reply.has_content());
  EXPECT_THAT(nodes.at(1).context.state, IsEmpty());
}

TEST_F(SecAggPlusMod, RefusesSettingsThatProtectNothing) {
  ConfigRecord configs = SetupConfigs();
  configs.Set("threshold", std::int64_t{1});
  ExpectRefusal(configs, "threshold is 1");
}

TEST_F(SecAggPlusMod, RefusesKeysThatAreWrong) {
  SetUpAll();
  const ConfigRecord good = ShareConfigs();
  const auto expect = [&](const std::function<void(ConfigRecord&)>& change,
                          const std::string& text) {
    ConfigRecord configs = good;
    change(configs);
    ExpectRefusal(configs, text);
  };
  const auto pair = [](const std::string& a, const std::string& b) {
    return std::vector<ByteString>{{a}, {b}};
  };
  const std::string fresh = internal::EcPrivateKey::Generate().public_pem();
  const std::string other = internal::EcPrivateKey::Generate().public_pem();
  expect([&](auto& c) { c.Set("1", pair(fresh, other)); }, "own keys");
  expect([&](auto& c) { c.Set("2", pair(fresh, fresh)); }, "twice");
  expect([&](auto& c) { c.Set("2", *good.Find("3")); }, "twice");
  expect([&](auto& c) { c.Set("2", pair(fresh, "no key")); }, "keys of node 2");
  expect([&](auto& c) { c.Set("2", pair("no key", fresh)); }, "keys of node 2");
  expect([&](auto& c) { c.Set("2", std::vector<ByteString>{{fresh}}); }, "'2' is no node id");
  expect([&](auto& c) { c.Set("02", pair(fresh, other)); }, "'02' is no node id");
  expect([&](auto& c) { c.Set("x", pair(fresh, other)); }, "'x' is no node id");
  expect([&](auto& c) { c.Set("99999999999999999999", pair(fresh, other)); }, "no node id");
  expect([&](auto& c) { c.Set("4", pair(fresh, other)); }, "keys of 4 nodes for 3 shares");
  ConfigRecord alone = Stage(secagg::kShareKeys);
  alone.Set("1", *good.Find("1"));
  ExpectRefusal(alone, "the threshold is 2");
  ConfigRecord without = Stage(secagg::kShareKeys);
  without.Set("2", *good.Find("2"));
  without.Set("3", *good.Find("3"));
  ExpectRefusal(without, "own keys are missing");
}

TEST_F(SecAggPlusMod, RefusesSharesThatAreWrong) {
  ShareAll();
  const ConfigRecord good = CollectConfigs(1);
  const auto expect = [&](const char* key, ConfigValue value, const std::string& text) {
    ConfigRecord configs = good;
    configs.Set(key, std::move(value));
    ExpectRefusal(configs, text);
  };
  using Ids = std::vector<std::uint64_t>;
  expect(secagg::kSourceList, Ids{2}, "2 shares from 1 nodes");
  expect(secagg::kSourceList, Ids{2, 2}, "twice");
  expect(secagg::kSourceList, Ids{2, 1}, "node 1, which is no neighbour");
  expect(secagg::kSourceList, Ids{2, 4}, "node 4, which is no neighbour");
  expect(secagg::kSourceList, Ids{3, 2}, "another key");
  // What node 1 itself sent to node 2 has the right key and the wrong way.
  expect(secagg::kCiphertextList, ciphertexts[2], "they go from node 1 to node 2");
  expect(secagg::kCiphertextList, std::vector<ByteString>{{"a"}, {"b"}}, "base64");
  expect(secagg::kCiphertextList, std::string("a"), "no list of bytes");
  ConfigRecord none = good;
  none.Set(secagg::kSourceList, Ids());
  none.Set(secagg::kCiphertextList, std::vector<ByteString>());
  ExpectRefusal(none, "the threshold is 2");
}

TEST_F(SecAggPlusMod, NeverGivesBothSecretsOfANode) {
  CollectAll();
  ExpectRefusal(UnmaskConfigs({1, 2, 3}, {2}), "both secrets of node 2");
  ExpectRefusal(UnmaskConfigs({2, 3}, {1}), "both secrets of node 1");  // its own model is out
  ASSERT_TRUE(Ask(1, UnmaskConfigs({1, 2}, {3})).has_content());
  // One answer is all there is: the next would be to the other question.
  ExpectRefusal(UnmaskConfigs({1, 2, 3}, {}), "cannot follow 'unmask'");
}

TEST_F(SecAggPlusMod, RefusesQuestionsForSharesThatAreWrong) {
  CollectAll();
  ExpectRefusal(UnmaskConfigs({1}, {2, 3}), "the threshold is 2");
  ExpectRefusal(UnmaskConfigs({1, 2, 4}, {}), "node 4, which gave none");
  ExpectRefusal(UnmaskConfigs({1, 2}, {4}), "node 4, which gave none");
  ExpectRefusal(UnmaskConfigs({1, 2, 2}, {}), "twice");
  ExpectRefusal(Stage(secagg::kUnmask), "active_nids");
}

TEST_F(SecAggPlusMod, GivesNoSharesOfWhoDidNotSendAny) {
  ShareAll();
  sources[1] = {2};
  ciphertexts[1] = {ciphertexts[1][0]};
  ASSERT_TRUE(Ask(1, CollectConfigs(1)).has_content());
  ExpectRefusal(UnmaskConfigs({1, 2}, {3}), "node 3, which gave none");
}

TEST_F(SecAggPlusMod, KeepsNoSecretsAfterTheLastStage) {
  CollectAll();
  EXPECT_NE(nodes.at(1).context.state.FindConfig(secagg::kState)->Find("sk1"), nullptr);
  ASSERT_TRUE(Ask(1, UnmaskConfigs({1, 2, 3}, {})).has_content());
  EXPECT_THAT(*nodes.at(1).context.state.FindConfig(secagg::kState), SizeIs(1));
}

TEST_F(SecAggPlusMod, RefusesADamagedState) {
  SetUpAll();
  ConfigRecord& state = std::get<ConfigRecord>(*nodes.at(1).context.state.Find(secagg::kState));
  state.Set("sk1", std::int64_t{7});
  ExpectRefusal(ShareConfigs(), "state of the secure aggregation");
}

/// A node whose app answers a message of the third stage by this.
Message CollectWith(std::function<void(RecordDict& reply)> change, FitRes fit) {
  // Its state is that of another one, which has come so far with a good app.
  struct Client : NumPyClient {
    explicit Client(FitRes result) : fit(std::move(result)) {}
    StatusOr<FitRes> Fit(const ArrayRecord&, const ConfigRecord&) override { return fit; }
    FitRes fit;
  };
  ClientApp app = MakeClientApp([&](Context&) -> StatusOr<std::shared_ptr<NumPyClient>> {
    return std::make_shared<Client>(fit);
  });
  app.Use(SecAggMod());
  app.Use([&](const Message& message, Context& context,
              const MessageHandler& next) -> StatusOr<Message> {
    StatusOr<Message> reply = next(message, context);
    RecordDict content = reply->content();
    if (change) change(content);
    return Message(reply->metadata(), content);
  });
  Context mine;
  mine.node_id = 1;
  Context peer;
  peer.node_id = 2;
  ConfigRecord setup = Stage(secagg::kSetup);
  secagg::WriteSettings({2, 2, 2, 8, 1 << 22, std::int64_t{1} << 32, 1000}, setup);
  ConfigRecord share = Stage(secagg::kShareKeys);
  for (Context* const context : {&mine, &peer}) {
    const Message reply = app.Handle(Instruction(context->node_id, setup), *context).value();
    share.Set(
        std::to_string(context->node_id),
        std::vector<ByteString>{{secagg::GetBytes(ConfigsOf(reply), secagg::kPublicKey1).value()},
                                {secagg::GetBytes(ConfigsOf(reply), secagg::kPublicKey2).value()}});
  }
  const Message shares = app.Handle(Instruction(2, share), peer).value();
  app.Handle(Instruction(1, share), mine).value();
  ConfigRecord collect = Stage(secagg::kCollectMaskedVectors);
  collect.Set(secagg::kSourceList, std::vector<std::uint64_t>{2});
  collect.Set(secagg::kCiphertextList, *ConfigsOf(shares).Find(secagg::kCiphertextList));
  const Message instruction = Instruction(1, collect);
  const StatusOr<Message> reply = app.Handle(instruction, mine);
  return reply.ok()
             ? *reply
             : Message::ErrorReplyTo(instruction, {2, std::string(reply.status().message())});
}

FitRes GoodFit() {
  FitRes fit;
  fit.parameters = TwoArrays({1, 2});
  fit.num_examples = 10;
  return fit;
}

TEST(SecAggPlusModMasks, ArraysOfNumbersAndNothingElse) {
  FitRes fit = GoodFit();
  fit.parameters.Set("int", Array::From(std::vector<std::int16_t>{-3}, {}).value());
  fit.parameters.Set("bool", Array::Build("bool", {0, 4}, [](auto) {}).value());
  const Message good = CollectWith({}, fit);
  ASSERT_TRUE(good.has_content()) << good.error().reason;
  EXPECT_THAT(secagg::GetBytesList(ConfigsOf(good), secagg::kMaskedParameters).value(), SizeIs(5));

  fit.parameters.Set("half", Array::Build("float16", {2}, [](auto) {}).value());
  EXPECT_THAT(CollectWith({}, fit).error().reason, HasSubstr("arrays of float16 cannot be masked"));
  fit = GoodFit();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  fit.parameters.Set("bad", Array::From(std::vector<float>{nan}, {1}).value());
  EXPECT_THAT(CollectWith({}, fit).error().reason, HasSubstr("array '2': it holds NaN"));
}

TEST(SecAggPlusModMasks, WeightsThatCanBeAddedUp) {
  FitRes fit = GoodFit();
  fit.num_examples = 1200;  // above max_weight: stock nodes warn as well
  EXPECT_TRUE(CollectWith({}, fit).has_content());
  fit.num_examples = 2'000'000;
  EXPECT_THAT(CollectWith({}, fit).error().reason, HasSubstr("2000000 examples are too many"));
  fit.num_examples = -1;
  EXPECT_THAT(CollectWith({}, fit).error().reason, HasSubstr("-1 examples"));
}

TEST(SecAggPlusModMasks, EveryArrayThatTheAppAnswersWith) {
  const Message reply = CollectWith(
      [](RecordDict& content) {
        content.Set("my weights", TwoArrays({1, 2}));
      },
      GoodFit());
  ASSERT_TRUE(reply.has_content());
  EXPECT_THAT(*reply.content().FindArrays("my weights"), IsEmpty());
  EXPECT_THAT(*reply.content().FindArrays("fitres.parameters"), IsEmpty());
  EXPECT_EQ(reply.content().FindMetrics("fitres.num_examples")->GetDouble("num_examples").value(),
            10);
}

TEST(SecAggPlusModMasks, OnlyWhatIsInClassicRecords) {
  const auto without_examples = [](RecordDict& content) { content = RecordDict(); };
  EXPECT_THAT(CollectWith(without_examples, GoodFit()).error().reason,
              HasSubstr("classic records"));
  const auto not_trained = [](RecordDict& content) {
    ConfigRecord status;
    status.Set("code", std::int64_t{3});
    status.Set("message", std::string("not today"));
    content.Set("fitres.status", std::move(status));
  };
  EXPECT_THAT(CollectWith(not_trained, GoodFit()).error().reason, HasSubstr("not today"));
}

}  // namespace
}  // namespace flwrcpp
