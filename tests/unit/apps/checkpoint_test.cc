// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/checkpoint.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "server_app/npz.h"
#include "server_app/state_file.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;
using testing::IsOk;
using testing::StatusIs;

class CheckpointTest : public ::testing::Test {
 protected:
  const testing::TempDir directory_;
  const fs::path& path_ = directory_.path();
  const fs::path state_file_ = path_ / "strategy-001.npz";
};

ArrayRecord SomeArrays(float value) {
  ArrayRecord arrays;
  arrays.Set("fc.weight", *Array::From(std::vector<float>{value, 2, 3, 4}, {2, 2}));
  arrays.Set("fc.bias", *Array::From(std::vector<double>{-value}, {1}));
  return arrays;
}

/// A record of every kind with a value of every type.
RecordDict SomeRecords() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  using Strings = std::vector<std::string>;
  RecordDict records;
  records.Set("v", SomeArrays(7));
  records.Set("inner/m", SomeArrays(8));
  records.Set("no arrays", ArrayRecord());
  records.Set("metrics", MetricRecord{{"int", std::numeric_limits<std::int64_t>::min()},
                                      {"uint", std::numeric_limits<std::uint64_t>::max()},
                                      {"whole", 3.0},
                                      {"float", 0.1 + 0.2},
                                      {"small", std::numeric_limits<double>::denorm_min()},
                                      {"infinite", -kInfinity},
                                      {"ints", std::vector<std::int64_t>{-1, 0, 1}},
                                      {"nodes", std::vector<std::uint64_t>{~std::uint64_t{0}}},
                                      {"floats", std::vector<double>{1, kInfinity}},
                                      {"none", std::vector<double>()}});
  records.Set("config", ConfigRecord{{"bool", true},
                                     {"str", std::string("\"ünï\"\n")},
                                     {"bytes", ByteString{std::string("\0\xff", 2)}},
                                     {"bools", std::vector<bool>{true, false}},
                                     {"strs", Strings{"", "a"}},
                                     {"byteses", std::vector<ByteString>{{"a"}, {""}}}});
  return records;
}

TEST_F(CheckpointTest, TheLatestRoundIsLoaded) {
  for (const int round : {1, 12, 3}) {
    const auto value = static_cast<float>(round);
    RecordDict state;
    state.Set("m", SomeArrays(-value));
    ASSERT_THAT(SaveCheckpoint(path_, {round, SomeArrays(value), StrategyState{"FedAdam", state}}),
                IsOk());
  }
  std::ofstream(path_ / "checkpoint-x.npz") << "not a round";

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->server_round, 12);
  EXPECT_EQ(checkpoint->arrays, SomeArrays(12));
  ASSERT_TRUE(checkpoint->state.has_value());
  ASSERT_NE(checkpoint->state->records.FindArrays("m"), nullptr);
  EXPECT_EQ(*checkpoint->state->records.FindArrays("m"), SomeArrays(-12));
}

TEST_F(CheckpointTest, RecordsOfEveryKindComeBackAsTheyWere) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", SomeRecords()}}),
              IsOk());

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  ASSERT_TRUE(checkpoint->state.has_value());
  EXPECT_EQ(checkpoint->state->strategy, "FedAdam");
  EXPECT_EQ(checkpoint->state->records, SomeRecords());
}

TEST_F(CheckpointTest, TheModelsFileHoldsTheModelAndNothingElse) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", SomeRecords()}}),
              IsOk());

  const auto model = LoadNpz(path_ / "checkpoint-001.npz");

  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->arrays, SomeArrays(1));
  EXPECT_EQ(model->description, "");
}

TEST_F(CheckpointTest, ACheckpointFromBeforeThereWasAStateHasNone) {
  ASSERT_THAT(SaveNpz(path_ / "checkpoint-004.npz", {SomeArrays(4), ""}), IsOk());

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->server_round, 4);
  EXPECT_FALSE(checkpoint->state.has_value());
}

TEST_F(CheckpointTest, AStateWhoseModelWasNotWrittenAnymoreIsLeftAlone) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", {}}}), IsOk());
  ASSERT_THAT(SaveState(path_ / "strategy-002.npz", {"FedAdam", SomeRecords()}), IsOk());

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->server_round, 1);
  ASSERT_TRUE(checkpoint->state.has_value());
  EXPECT_TRUE(checkpoint->state->records.empty());
}

TEST_F(CheckpointTest, TheStateOfAnEarlierRunInTheFolderGoesWithItsModel) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", SomeRecords()}}),
              IsOk());
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(2), std::nullopt}), IsOk());

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->arrays, SomeArrays(2));
  EXPECT_FALSE(checkpoint->state.has_value());
}

TEST_F(CheckpointTest, ADamagedFileIsNamed) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", SomeRecords()}}),
              IsOk());
  for (const fs::path& file : {state_file_, path_ / "checkpoint-001.npz"}) {
    for (std::uintmax_t size = fs::file_size(file); size-- > 0;) {
      fs::resize_file(file, size);
      ASSERT_THAT(LoadLatestCheckpoint(path_), StatusIs(StatusCode::kDataLoss, file.string()));
    }
  }
}

TEST_F(CheckpointTest, AStateThatSaysNonsenseIsDamaged) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1), std::nullopt}), IsOk());
  const auto load = [&](const std::string& records) {
    const std::string text = R"({"strategy": "FedAdam", "records": )" + records + "}";
    EXPECT_THAT(SaveNpz(state_file_, {{}, text}), IsOk());
    return LoadLatestCheckpoint(path_).status();
  };
  ASSERT_THAT(load("[]"), IsOk());

  for (const char* records :
       {"", "7", "[7]", "[{}]", R"([{"name": 7, "metrics": []}])", R"([{"name": "x"}])",
        R"([{"name": "m", "arrays": ["fc.weight"]}])", R"([{"name": "x", "metrics": [7]}])",
        R"([{"name": "x", "metrics": [["a", "int"]]}])",
        R"([{"name": "x", "metrics": [["a", "str", "b"]]}])",
        R"([{"name": "x", "metrics": [["a", "int", 1e300]]}])",
        R"([{"name": "x", "metrics": [["a", "int", 9223372036854775808]]}])",
        R"([{"name": "x", "metrics": [["a", "uint", -1]]}])",
        R"([{"name": "x", "metrics": [["a", "float", "fast"]]}])",
        R"([{"name": "x", "metrics": [["a", "float list", 1.5]]}])",
        R"([{"name": "x", "config": [["a", "bool", 1]]}])",
        R"([{"name": "x", "config": [["a", "bytes", [256]]]}])"}) {
    EXPECT_THAT(load(records), StatusIs(StatusCode::kDataLoss, state_file_.string())) << records;
  }
}

TEST_F(CheckpointTest, WhatCannotBeWrittenIsNamed) {
  const auto save = [&](RecordDict records) {
    return SaveCheckpoint(path_, {1, SomeArrays(1), StrategyState{"FedAdam", std::move(records)}});
  };

  EXPECT_THAT(save({{"x", ConfigRecord{{"name", std::string("\xff")}}}}),
              StatusIs(StatusCode::kUnavailable, state_file_.string()));
  EXPECT_THAT(save({{"a", ArrayRecord{{"b/c", Array()}}}, {"a/b", ArrayRecord{{"c", Array()}}}}),
              StatusIs(StatusCode::kUnavailable, "two arrays are called 'a/b/c'"));
  EXPECT_THAT(SaveNpz(path_ / "none" / "model.npz", {SomeArrays(1), ""}),
              StatusIs(StatusCode::kUnavailable, "model.npz"));
}

TEST_F(CheckpointTest, AFolderWithoutOneIsRefused) {
  EXPECT_THAT(LoadLatestCheckpoint(path_), StatusIs(StatusCode::kNotFound, path_.string()));
  EXPECT_THAT(LoadLatestCheckpoint(path_ / "none"), StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace flwrcpp::server_app
