// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/strategy_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "flwrcpp/strategy/make_strategy.h"
#include "program/files.h"
#include "server_app/beginning.h"
#include "server_app/options.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::server_app {
namespace {

using testing::IsOk;
using testing::StatusIs;

struct Parsed {
  bool go_on = false;
  int exit_code = 0;
  std::string error;
  Options options;
};

Parsed Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"server_app", "--insecure"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  Parsed parsed;
  ::testing::internal::CaptureStderr();
  parsed.go_on = ParseCommandLine(static_cast<int>(argv.size()), argv.data(), parsed.options,
                                  parsed.exit_code);
  parsed.error = ::testing::internal::GetCapturedStderr();
  return parsed;
}

/// What the report says under `name`.
std::string Setting(const Options& options, const std::string& name) {
  const auto strategy = options.strategy.Make();
  EXPECT_THAT(strategy, IsOk());
  if (!strategy.ok()) return "";
  for (const auto& [key, value] : DescribeSettings(options, **strategy)) {
    if (key == name) return value;
  }
  return "";
}

TEST(StrategyFlags, ChooseTheStrategyAndItsParameters) {
  const Parsed parsed = Parse({"--strategy", "fedadam", "--strategy-config", "eta=0.25 beta-1=0.5",
                               "--min-nodes", "3", "--fraction-evaluate", "0.5"});

  ASSERT_TRUE(parsed.go_on) << parsed.error;
  EXPECT_EQ(Setting(parsed.options, "strategy"), "FedAdam");
  const std::string settings = Setting(parsed.options, "strategy settings");
  EXPECT_NE(settings.find("eta 0.25, eta_l 0.1, beta_1 0.5, beta_2 0.99"), std::string::npos)
      << settings;
  EXPECT_EQ(parsed.options.strategy.common.min_train_nodes, 3);
  EXPECT_EQ(parsed.options.strategy.common.min_evaluate_nodes, 1);
}

TEST(StrategyFlags, PutDifferentialPrivacyAroundTheStrategy) {
  const Parsed parsed = Parse({"--strategy", "FedAdam", "--dp", "server-adaptive", "--dp-config",
                               "noise-multiplier=0.25 clip_norm_lr=0.5", "--min-nodes", "7"});

  ASSERT_TRUE(parsed.go_on) << parsed.error;
  EXPECT_EQ(Setting(parsed.options, "strategy"), "FedAdam, dp server-adaptive");
  const std::string settings = Setting(parsed.options, "strategy settings");
  EXPECT_EQ(settings.find("DifferentialPrivacyServerSideAdaptiveClipping: "), 0U) << settings;
  EXPECT_NE(settings.find("num_sampled_clients 7"), std::string::npos) << settings;
  EXPECT_NE(settings.find("clip_norm_lr 0.5"), std::string::npos) << settings;
  EXPECT_NE(settings.find("FedAdam: eta 0.1"), std::string::npos) << settings;
}

TEST(StrategyFlags, PutSecureAggregationAroundBoth) {
  const Parsed parsed = Parse(
      {"--strategy", "FedAdam", "--dp", "client-fixed", "--dp-config",
       "noise-multiplier=0.25 clipping-norm=1", "--min-nodes", "7", "--secagg", "secaggplus",
       "--secagg-config", "num-shares=5 reconstruction_threshold=0.5 max-weight=10 timeout=9"});

  ASSERT_TRUE(parsed.go_on) << parsed.error;
  EXPECT_EQ(Setting(parsed.options, "strategy"), "FedAdam, dp client-fixed, secaggplus");
  const std::string settings = Setting(parsed.options, "strategy settings");
  EXPECT_EQ(settings.find("SecAggPlusWorkflow: "), 0U) << settings;
  EXPECT_NE(settings.find("num_shares 5"), std::string::npos) << settings;
  EXPECT_NE(settings.find("reconstruction_threshold 0.5"), std::string::npos) << settings;
  EXPECT_NE(settings.find("max_weight 10"), std::string::npos) << settings;
  EXPECT_NE(settings.find("ClientSideFixedClipping"), std::string::npos) << settings;
  EXPECT_NE(settings.find("FedAdam: eta 0.1"), std::string::npos) << settings;
}

TEST(StrategyFlags, AreFedAvgByDefault) {
  const Parsed parsed = Parse({});

  ASSERT_TRUE(parsed.go_on) << parsed.error;
  EXPECT_EQ(Setting(parsed.options, "strategy"), "FedAvg");
}

TEST(StrategyFlags, KnowEveryStrategyByName) {
  for (const std::string& name : StrategyNames()) {
    std::vector<std::string> arguments = {"--strategy", name};
    const Parsed parsed = Parse(arguments);
    // Some have parameters without a default.
    EXPECT_TRUE(parsed.go_on || parsed.error.starts_with("error: " + name + ": ")) << parsed.error;
  }
}

TEST(StrategyFlags, ExplainWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    std::string error;
  } cases[] = {
      {{"--strategy", "FedNone"}, "error: unknown strategy 'FedNone', expected FedAvg, FedAvgM"},
      {{"--strategy-config", "eta=1"}, "error: FedAvg: has no parameters, got eta"},
      {{"--strategy", "FedYogi", "--strategy-config", "eta=1 momentum=2"},
       "error: FedYogi: unknown parameter momentum, expected eta"},
      {{"--strategy", "FedYogi", "--strategy-config", "eta='fast'"},
       "error: FedYogi: value 'eta' is a str"},
      {{"--strategy", "FedYogi", "--strategy-config", "eta=-1"}, "error: FedYogi: eta is -1"},
      {{"--strategy", "FedYogi", "--strategy-config", "eta"}, "error: --strategy-config: 'eta'"},
      {{"--proximal-mu", "1"}, "--proximal-mu"},
      {{"--dp", "none"}, "error: unknown dp 'none', expected server-fixed, client-fixed"},
      {{"--dp-config", "noise-multiplier=1"}, "error: dp-config is given without dp"},
      {{"--dp", "client-fixed", "--dp-config", "noise=1"},
       "error: dp client-fixed: unknown setting noise, expected noise-multiplier, clipping-norm"},
      {{"--dp", "client-fixed", "--dp-config", "noise_multiplier='loud'"},
       "error: dp client-fixed: value 'noise-multiplier' is a str"},
      {{"--dp", "client-fixed", "--dp-config", "noise-multiplier=1"}, "clipping_norm"},
      {{"--dp", "server-fixed", "--dp-config", "noise-multiplier=1 clipping-norm=1",
        "--fraction-train", "0.5"},
       "num_sampled_clients"},
      {{"--dp", "server-fixed", "--dp-config", "noise-multiplier=1 clipping-norm=1", "--strategy",
        "FedBuff"},
       "error: dp needs rounds, which FedBuff has not"},
      {{"--secagg", "none"}, "error: unknown secagg 'none', expected secagg, secaggplus"},
      {{"--secagg-config", "num-shares=3"}, "error: secagg-config is given without secagg"},
      {{"--secagg", "secagg", "--secagg-config", "num-shares=3"},
       "error: secagg: unknown setting num-shares, expected reconstruction-threshold"},
      {{"--secagg", "secaggplus", "--secagg-config", "num-shares='all'"},
       "error: secaggplus: value 'num-shares' is a str"},
      {{"--secagg", "secaggplus"}, "reconstruction_threshold"},
      {{"--secagg", "secaggplus", "--secagg-config", "reconstruction-threshold=2", "--strategy",
        "FedMedian"},
       "error: secagg: FedMedian needs more than the mean of the nodes' models; strategies that"},
      {{"--secagg", "secagg", "--secagg-config", "reconstruction-threshold=2", "--dp",
        "server-fixed", "--dp-config", "noise-multiplier=1 clipping-norm=1"},
       "error: secagg: the server cannot clip what it does not see; expected dp client-fixed"},
      {{"--secagg", "secagg", "--secagg-config", "reconstruction-threshold=2", "--over-selection",
        "0.5"},
       "error: over-selection and max-redispatches have no part in secagg"},
      {{"--strategy", "FedBuff", "--max-redispatches", "1"},
       "error: over-selection and max-redispatches have no part in FedBuff"},
      {{"--over-selection", "101"}, "--over-selection"},
  };
  for (const auto& [arguments, error] : cases) {
    const Parsed parsed = Parse(arguments);
    EXPECT_FALSE(parsed.go_on);
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_NE(parsed.error.find(error), std::string::npos) << parsed.error;
  }
}

TEST(CheckFlag, EndsTheProgramOnceTheCommandLineWasRead) {
  const Parsed right = Parse({"--check", "--strategy", "FedYogi"});
  EXPECT_FALSE(right.go_on);
  EXPECT_EQ(right.exit_code, 0);

  const Parsed wrong = Parse({"--check", "--strategy", "FedNone"});
  EXPECT_FALSE(wrong.go_on);
  EXPECT_EQ(wrong.exit_code, 2);
}

TEST(RunConfig, ChoosesTheStrategyOfASubmittedRun) {
  Options options = Parse({"--strategy", "FedAdam", "--strategy-config", "beta-1=0.5"}).options;

  ASSERT_THAT(ApplyRunConfig({{"strategy-config", std::string("eta=0.5")}}, options), IsOk());
  EXPECT_EQ(Setting(options, "strategy settings").find("FedAdam: eta 0.5, eta_l 0.1, beta_1 0.9"),
            0U);

  ASSERT_THAT(ApplyRunConfig({{"strategy", std::string("fedprox")},
                              {"strategy-config", std::string("proximal-mu=1.5")},
                              {"lr", 0.125},
                              {"num-server-rounds", 7}},
                             options),
              IsOk());
  EXPECT_EQ(Setting(options, "strategy settings").find("FedProx: proximal_mu 1.5"), 0U);
  EXPECT_EQ(options.lr, 0.125);
  EXPECT_EQ(options.rounds, 7);

  ASSERT_THAT(ApplyRunConfig({{"strategy", std::string("FedAvg")},
                              {"dp", std::string("client-fixed")},
                              {"dp-config", std::string("noise-multiplier=0 clipping-norm=3")}},
                             options),
              IsOk());
  EXPECT_EQ(Setting(options, "strategy"), "FedAvg, dp client-fixed");

  ASSERT_THAT(ApplyRunConfig({{"dp", std::string()},
                              {"secagg", std::string("secagg")},
                              {"secagg-config", std::string("reconstruction-threshold=2")}},
                             options),
              IsOk());
  EXPECT_EQ(Setting(options, "strategy"), "FedAvg, secagg");

  ASSERT_THAT(ApplyRunConfig({{"secagg", std::string()},
                              {"over-selection", 0.25},
                              {"max-redispatches", std::int64_t{3}}},
                             options),
              IsOk());
  EXPECT_EQ(options.strategy.over_selection, 0.25);
  EXPECT_EQ(options.strategy.max_redispatches, 3);
  EXPECT_EQ(Setting(options, "strategy"), "FedAvg");
}

TEST(RunConfig, NamesTheKeyThatIsWrong) {
  Options options = Parse({}).options;

  EXPECT_THAT(ApplyRunConfig({{"strategy", 7}}, options),
              StatusIs(StatusCode::kInvalidArgument, "'strategy'"));
  EXPECT_THAT(ApplyRunConfig({{"strategy", std::string("FedNone")}}, options),
              StatusIs(StatusCode::kInvalidArgument, "unknown strategy 'FedNone'"));
  EXPECT_THAT(ApplyRunConfig({{"strategy-config", std::string("eta")}}, options),
              StatusIs(StatusCode::kInvalidArgument, "run config: strategy-config: 'eta'"));
}

class ResumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    History history;
    history.rounds.resize(4);
    for (int round = 0; round < 4; ++round) history.rounds[round].server_round = round;
    ASSERT_THAT(program::SaveText(directory_.File("metrics.json"), ToJson(history)), IsOk());
  }

  void Save(std::optional<StrategyState> state) const {
    ASSERT_THAT(SaveCheckpoint(directory_.path(), {2, Arrays(1), std::move(state)}), IsOk());
  }
  Options Resume(const std::string& strategy) const {
    return Parse({"--strategy", strategy, "--rounds", "4", "--resume", directory_.path().string()})
        .options;
  }

  static ArrayRecord Arrays(float value) {
    return ArrayRecord{{"w", *Array::From(std::vector<float>{value}, {1})}};
  }

  const testing::TempDir directory_;
};

TEST_F(ResumeTest, TheStrategyGoesOnWithWhatItHad) {
  const RecordDict state = {{"m", Arrays(2)}, {"v", Arrays(3)}};
  Save(StrategyState{"FedAdam", state});

  const auto beginning = LoadBeginning(Resume("FedAdam"));

  ASSERT_THAT(beginning, IsOk());
  EXPECT_EQ(beginning->strategy->State(), state);
  ASSERT_TRUE(beginning->checkpoint.has_value());
  EXPECT_EQ(beginning->checkpoint->server_round, 2);
  EXPECT_EQ(beginning->history.rounds.size(), 3U);
}

TEST_F(ResumeTest, TheCheckpointOfAnotherStrategyIsRefused) {
  Save(StrategyState{"FedAvg", {}});

  EXPECT_THAT(
      LoadBeginning(Resume("FedAdam")),
      StatusIs(StatusCode::kInvalidArgument, "is of the strategy FedAvg, expected FedAdam"));
  EXPECT_THAT(LoadBeginning(Resume("FedAvg")), IsOk());
}

TEST_F(ResumeTest, AStateWithOtherRecordsIsRefused) {
  Save(StrategyState{"FedAdam", {{"momentum", Arrays(2)}}});

  EXPECT_THAT(LoadBeginning(Resume("FedAdam")),
              StatusIs(StatusCode::kInvalidArgument, "does not fit FedAdam: state: the record"));
}

TEST_F(ResumeTest, ACheckpointWithoutStateIsGoneOnWithByAnyStrategy) {
  Save(std::nullopt);

  const auto beginning = LoadBeginning(Resume("FedAdam"));

  ASSERT_THAT(beginning, IsOk());
  EXPECT_TRUE(beginning->strategy->State().empty());
}

TEST_F(ResumeTest, RoundsThatAreDoneLeaveNothingToDo) {
  Save(std::nullopt);
  Options options = Resume("FedAvg");
  options.rounds = 2;

  EXPECT_THAT(LoadBeginning(options), StatusIs(StatusCode::kInvalidArgument, "--rounds 2"));
}

}  // namespace
}  // namespace flwrcpp::server_app
