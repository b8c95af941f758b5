// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// Whole rounds between stock nodes and a stock workflow, message by message, from
// tests/golden/secagg.json: each side is played by ours against the other one's record.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/secagg/stages.h"
#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/workflow/secagg.h"
#include "secagg/records.h"
#include "tests/support/fake_grid.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal::secagg {
namespace {

using ::testing::DoubleNear;
using testing::FakeGrid;
using testing::FromHex;
using testing::IsOk;
using testing::Json;
using ::testing::Pointwise;
using ::testing::SizeIs;

std::uint64_t ToId(const Json& text) { return std::stoull(text.get<std::string>()); }

std::vector<std::uint64_t> ToIds(const Json& list) {
  std::vector<std::uint64_t> ids;
  for (const Json& id : list) ids.push_back(ToId(id));
  return ids;
}

/// A node's configs as they were on the wire.
ConfigRecord ToConfigs(const Json& json) {
  static const std::set<std::string> kIdLists = {kDestinationList, kSourceList, kActiveNodeIdList,
                                                 kDeadNodeIdList, kNodeIdList};
  ConfigRecord configs;
  for (const auto& [key, value] : json.items()) {
    if (kIdLists.contains(key)) {
      configs.Set(key, ToIds(value));
    } else if (value.is_array()) {
      std::vector<ByteString> list;
      for (const Json& bytes : value) list.push_back({FromHex(bytes)});
      configs.Set(key, std::move(list));
    } else if (key == kPublicKey1 || key == kPublicKey2) {
      configs.Set(key, ByteString{FromHex(value)});
    } else if (key == kStage) {
      configs.Set(key, value.get<std::string>());
    } else if (value.is_number_float()) {
      configs.Set(key, value.get<double>());
    } else {
      configs.Set(key, std::int64_t{std::stoll(value.get<std::string>())});
    }
  }
  return configs;
}

const Json& Rounds() {
  static const Json golden = testing::ReadGoldenJson("secagg.json");
  return golden["rounds"];
}

/// The record of a node's stage, or null where it was not asked.
const Json* FindMessage(const Json& round, std::uint64_t node_id, const std::string& stage) {
  for (const Json& message : round["messages"]) {
    if (ToId(message["node"]) == node_id && message["stage"] == stage) return &message;
  }
  return nullptr;
}

std::map<std::uint64_t, std::string> ToMap(const Json& keys, const Json& values) {
  std::map<std::uint64_t, std::string> map;
  for (std::size_t i = 0; i < keys.size(); ++i) map[ToId(keys[i])] = FromHex(values[i]);
  return map;
}

/// What a stock node knew when it had sent its shares: no others' shares yet.
NodeState StateAfterSharing(const Json& round, const Json& node) {
  const Json& json = node["state"];
  NodeState state;
  state.stage = kShareKeys;
  state.settings =
      ReadSettings(ToConfigs((*FindMessage(round, ToId(node["id"]), kSetup))["in"])).value();
  state.sk1 = ToSecret(FromHex(json["sk1"]));
  state.sk2 = ToSecret(FromHex(json["sk2"]));
  state.rd_seed = ToSecret(FromHex(json["rd_seed"]));
  auto keys = ToMap(json["ss2_dict:K"], json["ss2_dict:V"]);
  auto seed_shares = ToMap(json["rd_seed_share_dict:K"], json["rd_seed_share_dict:V"]);
  auto key_shares = ToMap(json["sk1_share_dict:K"], json["sk1_share_dict:V"]);
  const std::vector<std::uint64_t> ids = ToIds(json["public_keys_dict:K"]);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Neighbour neighbour;
    neighbour.node_id = ids[i];
    neighbour.pk1 = FromHex(json["public_keys_dict:V"][2 * i]);
    neighbour.shared_key = ToSecret(keys[ids[i]]);
    if (ids[i] == ToId(node["id"])) {
      neighbour.rd_seed_share = ToSecret(seed_shares[ids[i]]);
      neighbour.sk1_share = ToSecret(key_shares[ids[i]]);
    }
    state.neighbours.push_back(std::move(neighbour));
  }
  return state;
}

ArrayRecord ArraysOf(const Json& files) {
  ArrayRecord arrays;
  for (const Json& file : files) {
    arrays.Set(std::to_string(arrays.size()), Array::FromNpy(Bytes(FromHex(file))).value());
  }
  return arrays;
}

/// Calls `check` for each node that sent a masked model.
template <typename Check>
void ForEachMaskedNode(const Check& check) {
  int count = 0;
  for (const Json& round : Rounds()) {
    for (const Json& node : round["nodes"]) {
      const std::uint64_t id = ToId(node["id"]);
      const Json* const collected = FindMessage(round, id, kCollectMaskedVectors);
      ASSERT_NE(collected, nullptr);
      if (!collected->contains("out")) continue;
      SCOPED_TRACE(id);
      check(round, node, id, *collected);
      ++count;
    }
  }
  EXPECT_EQ(count, 7);
}

TEST(GoldenSecAggRound, NodeReadsTheSharesOfStockNodesAndHandsOutWhatTheyDo) {
  ForEachMaskedNode([](const Json& round, const Json& node, std::uint64_t id, const Json& message) {
    NodeState state = StateAfterSharing(round, node);
    ASSERT_THAT(ReceiveShares(id, ToConfigs(message["in"]), state), IsOk());
    const Json* const unmask = FindMessage(round, id, kUnmask);
    ASSERT_NE(unmask, nullptr);
    if (!unmask->contains("out")) return;
    const auto reply = Unmask(id, ToConfigs((*unmask)["in"]), state);
    ASSERT_THAT(reply, IsOk());
    EXPECT_EQ(*reply, ToConfigs((*unmask)["out"]));
  });
}

TEST(GoldenSecAggRound, NodeMasksItsModelAsStockNodesDo) {
  ForEachMaskedNode([](const Json& round, const Json& node, std::uint64_t id, const Json& message) {
    NodeState state = StateAfterSharing(round, node);
    ASSERT_THAT(ReceiveShares(id, ToConfigs(message["in"]), state), IsOk());
    const auto reply =
        MaskParameters(id, ArraysOf(node["arrays"]), node["examples"].get<std::int64_t>(), state);
    ASSERT_THAT(reply, IsOk());
    EXPECT_EQ(*reply, ToConfigs(message["out"]));
  });
}

/// The reply that a stock node gave in that stage.
Message Replay(const Json& round, const Json& node, const Message& instruction) {
  const std::string stage = instruction.content().FindConfig(kConfigs)->GetString(kStage).value();
  const Json* const message = FindMessage(round, ToId(node["id"]), stage);
  if (message == nullptr || !message->contains("out")) {
    return Message::ErrorReplyTo(instruction, {2, "dropped out"});
  }
  RecordDict content;
  if (stage == kCollectMaskedVectors) {
    MetricRecord examples;
    examples.Set("num_examples", node["examples"].get<std::int64_t>());
    content.Set("fitres.num_examples", std::move(examples));
    content.Set("fitres.parameters", ArrayRecord());
  }
  content.Set(kConfigs, ToConfigs((*message)["out"]));
  return Message::ReplyTo(instruction, std::move(content));
}

TEST(GoldenSecAggRound, WorkflowMakesOfStockNodesRepliesWhatStockDoes) {
  ASSERT_THAT(Rounds(), SizeIs(2));
  for (const Json& round : Rounds()) {
    SCOPED_TRACE(round["name"]);
    FakeGrid grid;
    const ArrayRecord expected = ArraysOf(round["mean"]);
    for (const Json& node : round["nodes"]) {
      grid.AddNode(ToId(node["id"]), [&round, &node](const Message& instruction) {
        return Replay(round, node, instruction);
      });
    }
    SecAggPlusOptions options;
    options.reconstruction_threshold = round["threshold"].get<int>();
    options.max_weight = 1024;
    FedAvgOptions fedavg;
    fedavg.fraction_evaluate = 0;
    const auto workflow = SecAggPlusWorkflow::Create(FedAvg::Create(fedavg).value(), options);
    ASSERT_THAT(workflow, IsOk());

    StartOptions start;
    start.initial_arrays = expected;  // for names, shapes and type
    start.num_rounds = 1;
    int results = 0;
    start.on_round = [&](const RoundReport& report, const ArrayRecord&) {
      results = report.train->num_results;
      return absl::OkStatus();
    };
    const StatusOr<Result> result = (*workflow)->Start(grid, std::move(start));
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(results, round["results"].get<int>());
    ASSERT_EQ(result->arrays.size(), expected.size());
    for (const auto& [name, array] : expected) {
      // FedAvg's mean of equal numbers may differ from them in the last bits.
      EXPECT_THAT(result->arrays.Find(name)->ToVector<double>().value(),
                  Pointwise(DoubleNear(1e-14), array.ToVector<double>().value()));
    }
  }
}

}  // namespace
}  // namespace flwrcpp::internal::secagg
