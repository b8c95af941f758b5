// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/strategy/fedavgm.h"
#include "flwrcpp/workflow/secagg.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/secagg/federation.h"

namespace flwrcpp {
namespace {

using ::testing::Contains;
using ::testing::Each;
using testing::FakeGrid;
using testing::FixedClient;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;
using testing::StageOf;
using testing::StatusIs;
using testing::TestNode;
using testing::TwoArrays;
namespace secagg = internal::secagg;

const std::vector<std::string> kStages = {secagg::kSetup, secagg::kShareKeys,
                                          secagg::kCollectMaskedVectors, secagg::kUnmask};

std::unique_ptr<Strategy> TrainOnly() {
  FedAvgOptions options;
  options.fraction_evaluate = 0;
  return FedAvg::Create(options).value();
}

/// Nodes of the real mod behind a Grid that is none, and what became of a round with them.
class SecAggFederation {
 public:
  struct Member {
    std::shared_ptr<FixedClient> client;
    std::shared_ptr<TestNode> node;
    std::vector<float> values;
    std::int64_t examples = 0;
    std::string fails_in;   ///< Stage in which it answers by an error, from then on.
    std::string silent_in;  ///< Stage from which on it does not answer.
  };

  SecAggFederation(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<float> value(-2, 2);
    for (std::size_t i = 0; i < count; ++i) {
      Member member;
      for (int k = 0; k < 5; ++k) member.values.push_back(value(random));
      member.examples = std::uniform_int_distribution<std::int64_t>(1, 900)(random);
      member.client = std::make_shared<FixedClient>(TwoArrays(member.values), member.examples);
      const std::uint64_t id = random() | 2;  // half of them above 2^63
      member.node = std::make_shared<TestNode>(id, member.client);
      members[id] = std::move(member);
      grid.AddNode(id, [this, id](const Message& instruction) { return Answer(id, instruction); });
    }
  }

  /// Runs the train phase of one round of FedAvg in the workflow.
  StatusOr<AggregateResult> Train(SecAggPlusOptions options) {
    const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), options);
    if (!workflow.ok()) return workflow.status();
    AggregateResult train;
    StartOptions start;
    start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
    start.num_rounds = 1;
    start.timeout = timeout;
    start.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) {
      train = *report.train;
      sampled = report.sampled_train;
      global = arrays;
      return absl::OkStatus();
    };
    const auto result = (*workflow)->Start(grid, std::move(start));
    if (!result.ok()) return result.status();
    return train;
  }

  /// The mean of those that sent their model, weighted by examples.
  std::vector<double> PlainMean() const {
    std::vector<double> mean(5, 0);
    double total = 0;
    for (const auto& [id, member] : members) {
      const std::set<std::string> last = {member.fails_in, member.silent_in};
      if (last.contains(secagg::kSetup) || last.contains(secagg::kShareKeys) ||
          last.contains(secagg::kCollectMaskedVectors)) {
        continue;
      }
      total += static_cast<double>(member.examples);
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean[k] += static_cast<double>(member.examples) * static_cast<double>(member.values[k]);
      }
    }
    for (double& value : mean) value /= total;
    return mean;
  }

  /// How far off the mean may be: a step of the quantization for each node, and half of one that
  /// float32 cannot tell, over their weights.
  double Tolerance(const SecAggPlusOptions& options) const {
    double examples = 0;
    for (const auto& [id, member] : members) {
      if (member.fails_in.empty() && member.silent_in.empty()) {
        examples += static_cast<double>(member.examples);
      }
    }
    const double step =
        2 * options.clipping_range / static_cast<double>(options.quantization_range);
    return 1.5 * static_cast<double>(members.size()) * step * options.max_weight / examples + 1e-6;
  }

  void ExpectPlainMean(const SecAggPlusOptions& options) const {
    const std::vector<double> mean = PlainMean();
    const auto w = global.Find("w")->ToVector<float>().value();
    const auto half = global.Find("half")->ToVector<double>().value();
    for (std::size_t k = 0; k < mean.size(); ++k) {
      EXPECT_NEAR(w[k], mean[k], Tolerance(options));
      EXPECT_NEAR(half[k], mean[k] / 2, Tolerance(options));
    }
  }

  FakeGrid grid;
  std::map<std::uint64_t, Member> members;
  std::optional<std::chrono::duration<double>> timeout;
  ArrayRecord global;
  int sampled = 0;
  /// Changes what a node answers, if set.
  std::function<void(std::uint64_t id, const std::string& stage, Message& reply)> tamper;

 private:
  std::optional<Message> Answer(std::uint64_t id, const Message& instruction) {
    Member& member = members[id];
    const std::string stage = StageOf(instruction);
    if (stage == member.silent_in) return std::nullopt;
    if (stage == member.fails_in) return Message::ErrorReplyTo(instruction, {2, "out of power"});
    Message reply = member.node->Answer(instruction);
    if (tamper) tamper(id, stage, reply);
    return reply;
  }
};

SecAggPlusOptions Threshold(std::variant<int, double> threshold) {
  SecAggPlusOptions options;
  options.reconstruction_threshold = threshold;
  return options;
}

TEST(SecAggPlusWorkflow, GivesFedAvgThePlainMean) {
  SecAggFederation federation(4, 1);
  const auto train = federation.Train(Threshold(3));
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 4);
  EXPECT_EQ(federation.sampled, 4);
  EXPECT_THAT(train->failures, IsEmpty());
  federation.ExpectPlainMean(Threshold(3));
  EXPECT_EQ(train->metrics->GetDouble("loss").value(), 0.25);
}

TEST(SecAggPlusWorkflow, NodesGetTheModelAndTheConfigInClassicRecords) {
  SecAggFederation federation(3, 2);
  ASSERT_THAT(federation.Train(Threshold(2)), IsOk());
  for (const auto& [id, member] : federation.members) {
    EXPECT_EQ(member.client->received.item(0).first, "0");
    EXPECT_EQ(member.client->received.item(1).second, *TwoArrays({0, 0, 0, 0, 0}).Find("half"));
    EXPECT_EQ(member.client->received_config.GetInt("server-round").value(), 1);
  }
}

TEST(SecAggPlusWorkflow, NoModelLeavesANodeAsItIs) {
  SecAggFederation federation(3, 3);
  int masked = 0;
  federation.tamper = [&](std::uint64_t id, const std::string& stage, Message& reply) {
    if (stage != secagg::kCollectMaskedVectors) return;
    ++masked;
    for (const auto& [name, record] : reply.content()) {
      if (const auto* const arrays = std::get_if<ArrayRecord>(&record)) {
        EXPECT_THAT(*arrays, IsEmpty()) << name;
      }
    }
    // The weight is 1/1000 to 9/10 of the range, masked it can be anything below the modulus.
    const ConfigRecord& configs = *reply.content().FindConfig(secagg::kConfigs);
    const auto files = secagg::GetBytesList(configs, secagg::kMaskedParameters).value();
    const auto weight = Array::FromNpy(Bytes(files[0].value))->ToVector<std::int64_t>().value()[0];
    EXPECT_NE(weight,
              std::lrint(static_cast<double>(federation.members[id].examples) / 1000 * 4194304));
    const auto values = Array::FromNpy(Bytes(files[1].value))->ToVector<std::int64_t>().value();
    EXPECT_GT(*std::max_element(values.begin(), values.end()), 4194304);
  };
  ASSERT_THAT(federation.Train(Threshold(2)), IsOk());
  EXPECT_EQ(masked, 3);
}

TEST(SecAggPlusWorkflow, NodesCanTakePartInRoundAfterRound) {
  SecAggFederation federation(3, 4);
  for (int round = 0; round < 3; ++round) {
    const auto train = federation.Train(Threshold(2));
    ASSERT_THAT(train, IsOk());
    EXPECT_EQ(train->num_results, 3);
    federation.ExpectPlainMean(Threshold(2));
  }
}

/// A node that fails, or says nothing, in each of the stages.
class DropOut : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(DropOut, TheMeanIsThatOfTheModelsThatCame) {
  const auto& [stage, silent] = GetParam();
  SecAggFederation federation(5, 5);
  auto& lost = std::next(federation.members.begin(), 2)->second;
  (silent ? lost.silent_in : lost.fails_in) = stage;
  SecAggPlusOptions options = Threshold(3);
  options.timeout = std::chrono::milliseconds(300);  // for each stage
  const auto train = federation.Train(options);
  ASSERT_THAT(train, IsOk());
  federation.ExpectPlainMean(options);
  const bool counts = stage == secagg::kUnmask;
  EXPECT_EQ(train->num_results, counts ? 5 : 4);
  EXPECT_THAT(train->failures, SizeIs(counts ? 0 : 1));
  if (!train->failures.empty()) {
    EXPECT_THAT(train->failures[0].second, HasSubstr(silent ? "no answer" : "out of power"));
    EXPECT_THAT(train->failures[0].second, HasSubstr(stage));
  }
}

INSTANTIATE_TEST_SUITE_P(Stages, DropOut,
                         ::testing::Combine(::testing::ValuesIn(kStages), ::testing::Bool()));

TEST(SecAggPlusWorkflow, RandomFederationsGiveThePlainMeanOrHalt) {
  std::mt19937_64 random(20240607);
  const auto draw = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  int halted = 0;
  int done = 0;
  for (int trial = 0; trial < 30; ++trial) {
    const int count = draw(2, 9);
    SecAggFederation federation(static_cast<std::size_t>(count), random());
    SecAggPlusOptions options;
    if (draw(0, 1) == 1 && count >= 3) options.num_shares = draw(3, count);
    const int* const shares = std::get_if<int>(&options.num_shares);
    options.reconstruction_threshold = draw(2, shares == nullptr ? count : *shares - 1);
    options.modulus_range = std::int64_t{1} << draw(26, 40);
    for (auto& [id, member] : federation.members) {
      if (draw(0, 5) == 0) member.fails_in = kStages[static_cast<std::size_t>(draw(0, 3))];
    }
    SCOPED_TRACE(::testing::Message() << "trial " << trial << ", " << count << " nodes");
    const auto train = federation.Train(options);
    ASSERT_THAT(train, IsOk());
    if (train->num_results > 0) {
      ++done;
      federation.ExpectPlainMean(options);
    } else {
      ++halted;
      EXPECT_THAT(train->failures, SizeIs(static_cast<std::size_t>(count)));
      EXPECT_EQ(federation.global, TwoArrays({0, 0, 0, 0, 0}));
    }
  }
  // Both happen, or the test would say little.
  EXPECT_GT(done, 10);
  EXPECT_GT(halted, 2);
}

TEST(SecAggPlusWorkflow, ARoundWithTooFewNodesLeavesTheModelAndSaysWhy) {
  for (const std::string& stage : kStages) {
    SCOPED_TRACE(stage);
    SecAggFederation federation(4, 6);
    federation.members.begin()->second.fails_in = stage;
    const auto train = federation.Train(Threshold(4));
    ASSERT_THAT(train, IsOk());
    EXPECT_EQ(train->num_results, 0);
    EXPECT_THAT(train->failures, SizeIs(4));
    int explained = 0;
    for (const auto& [id, reason] : train->failures) {
      explained += reason.find("the threshold is 4") != std::string::npos ? 1 : 0;
    }
    EXPECT_EQ(explained, 3);
    EXPECT_EQ(federation.global, TwoArrays({0, 0, 0, 0, 0}));
  }
}

TEST(SecAggPlusWorkflow, ManyNodesWithFewNeighboursLoseSeveral) {
  SecAggFederation federation(20, 7);
  SecAggPlusOptions options = Threshold(2);
  options.num_shares = 7;
  auto member = federation.members.begin();
  for (const std::string& stage : kStages) (member++)->second.fails_in = stage;
  const auto train = federation.Train(options);
  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->num_results, 17);
  federation.ExpectPlainMean(options);
}

TEST(SecAggPlusWorkflow, NeverAsksForBothSecretsOfANode) {
  SecAggFederation federation(5, 8);
  federation.members.begin()->second.fails_in = secagg::kCollectMaskedVectors;
  std::map<std::uint64_t, std::set<std::string>> asked;  // by owner
  FakeGrid grid;
  for (const auto& [id, member] : federation.members) {
    const auto node = member.node;
    const std::string fails_in = member.fails_in;
    grid.AddNode(id, [&, node, fails_in](const Message& instruction) {
      if (StageOf(instruction) == fails_in) {
        return Message::ErrorReplyTo(instruction, {2, "out of power"});
      }
      if (StageOf(instruction) == secagg::kUnmask) {
        for (const char* const list : {secagg::kActiveNodeIdList, secagg::kDeadNodeIdList}) {
          const ConfigRecord& configs = *instruction.content().FindConfig(secagg::kConfigs);
          const std::vector<std::uint64_t> owners = secagg::GetNodeIds(configs, list).value();
          for (const std::uint64_t owner : owners) asked[owner].insert(list);
        }
      }
      return node->Answer(instruction);
    });
  }
  const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.num_rounds = 1;
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_THAT(asked, SizeIs(5));
  for (const auto& [owner, lists] : asked) EXPECT_THAT(lists, SizeIs(1)) << owner;
}

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

TEST(SecAggPlusWorkflow, OneWrongShareIsNoticed) {
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

TEST(SecAggPlusWorkflow, AMaskThatIsLeftIsNoticed) {
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

TEST(SecAggPlusWorkflow, ACiphertextForAnotherStopsItsReceiver) {
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

/// A strategy that sends what a test wants.
class FixedStrategy : public FedAvg {
 public:
  explicit FixedStrategy(std::vector<Message> messages)
      : FedAvg({}), messages_(std::move(messages)) {}

  StatusOr<std::vector<Message>> ConfigureTrain(int, const ArrayRecord&, const ConfigRecord&, Grid&,
                                                std::stop_token) override {
    return messages_;
  }
  RecordDict State() const override { return {{"momenta", MetricRecord()}}; }
  Status RestoreState(const RecordDict& state) override {
    return state.empty() ? absl::OkStatus() : absl::DataLossError("these are not mine");
  }

 private:
  std::vector<Message> messages_;
};

std::unique_ptr<SecAggPlusWorkflow> Around(std::vector<Message> messages) {
  return SecAggPlusWorkflow::Create(std::make_unique<FixedStrategy>(std::move(messages)),
                                    Threshold(2))
      .value();
}

TEST(SecAggPlusWorkflow, RefusesInstructionsThatDoNotFit) {
  FakeGrid grid;
  auto content = std::make_shared<RecordDict>();
  content->Set("arrays", ArrayRecord());
  content->Set("config", ConfigRecord());
  const auto expect = [&](std::vector<Message> messages, const char* text) {
    EXPECT_THAT(Around(std::move(messages))->Start(grid, {}),
                StatusIs(StatusCode::kInvalidArgument, text));
  };
  expect({Message::Instruction(content, 5, "train.more")}, "train.more");
  expect({Message::Instruction(content, 5, "train"), Message::Instruction(content, 6, "evaluate")},
         "evaluate");
  expect({Message::Instruction(content, 5, "train"), Message::Instruction(content, 5, "train")},
         "two instructions for node 5");
  content->Set("more arrays", ArrayRecord());
  expect({Message::Instruction(content, 5, "train")}, "exactly one ArrayRecord");
  EXPECT_THAT(grid.sent, IsEmpty());
}

TEST(SecAggPlusWorkflow, IsTheOutermostStrategyOrNone) {
  FakeGrid grid;
  for (std::uint64_t id = 1; id <= 2; ++id) grid.AddNode(id, testing::FixedNode({1}, {}));
  const auto outer =
      SecAggPlusWorkflow::Create(SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value(),
                                 Threshold(2))
          .value();
  EXPECT_THAT(outer->Start(grid, {}),
              StatusIs(StatusCode::kFailedPrecondition, "outermost strategy"));
  EXPECT_THAT(grid.sent, IsEmpty());
  EXPECT_THAT(SecAggPlusWorkflow::Create(nullptr, Threshold(2)),
              StatusIs(StatusCode::kInvalidArgument, "no strategy"));
}

TEST(SecAggPlusWorkflow, HasTheStateOfTheInnerStrategy) {
  const auto workflow = Around({});
  EXPECT_EQ(workflow->State(), (RecordDict{{"momenta", MetricRecord()}}));
  EXPECT_THAT(workflow->RestoreState({}), IsOk());
  EXPECT_THAT(workflow->RestoreState({{"x", MetricRecord()}}), StatusIs(StatusCode::kDataLoss));
}

TEST(SecAggPlusWorkflow, ARoundThatAsksNobodyHasNoTraining) {
  FakeGrid grid;
  bool asked = true;
  StartOptions start;
  start.num_rounds = 1;
  start.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    asked = report.train.has_value();
    return absl::OkStatus();
  };
  FedAvgOptions nothing;
  nothing.fraction_train = nothing.fraction_evaluate = 0;
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvg::Create(nothing).value(), Threshold(2)).value();
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_FALSE(asked);
}

TEST(SecAggPlusWorkflow, EvaluationAndProgressAreAsEver) {
  SecAggFederation federation(3, 15);
  int evaluated = 0;
  FakeGrid grid;
  for (const auto& [id, member] : federation.members) {
    const auto node = member.node;
    grid.AddNode(id, [&, node](const Message& instruction) -> Message {
      if (instruction.metadata().message_type == "train") return node->Answer(instruction);
      ++evaluated;
      RecordDict content;
      content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}});
      return Message::ReplyTo(instruction, std::move(content));
    });
  }
  std::vector<std::string> progress;
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.num_rounds = 1;
  start.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.push_back(fmt::format("{} {}/{}", phase, received, expected));
  };
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvg::Create({}).value(), Threshold(2)).value();
  ASSERT_THAT(workflow->Start(grid, std::move(start)), IsOk());
  EXPECT_EQ(evaluated, 3);
  EXPECT_THAT(progress, ::testing::ElementsAre("train 1/3", "train 2/3", "train 3/3",
                                               "evaluate 1/3", "evaluate 2/3", "evaluate 3/3"));
  for (const Metadata& sent : grid.sent) {
    if (sent.message_type == "train") {
      EXPECT_EQ(sent.group_id, "1");
    }
  }
}

TEST(SecAggPlusWorkflow, AStopEndsTheRound) {
  SecAggFederation federation(3, 13);
  std::stop_source stop;
  federation.grid.on_pull = [&] {
    if (federation.grid.sent.size() == 6) stop.request_stop();
  };
  federation.members.begin()->second.silent_in = secagg::kShareKeys;
  const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
  start.stop = stop.get_token();
  EXPECT_THAT(workflow->Start(federation.grid, std::move(start)), StatusIs(StatusCode::kCancelled));
}

TEST(SecAggPlusWorkflow, AStepOfTheMeanWorksOnIt) {
  SecAggFederation federation(3, 14);
  FedAvgMOptions options;
  options.server_learning_rate = 0.5;
  options.fraction_evaluate = 0;
  const auto workflow =
      SecAggPlusWorkflow::Create(FedAvgM::Create(options).value(), Threshold(2)).value();
  StartOptions start;
  start.initial_arrays = TwoArrays({1, 1, 1, 1, 1});
  start.num_rounds = 1;
  const auto result = workflow->Start(federation.grid, std::move(start));
  ASSERT_THAT(result, IsOk());
  const std::vector<double> mean = federation.PlainMean();
  const auto w = result->arrays.Find("w")->ToVector<float>().value();
  for (std::size_t k = 0; k < mean.size(); ++k) {
    EXPECT_NEAR(w[k], (1 + mean[k]) / 2, federation.Tolerance(Threshold(2)));
  }
}

}  // namespace
}  // namespace flwrcpp
