// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/xgboost.json holds models of XGBoost 3.2.0 and what stock Flower 1.42.0 makes of
// them; make_xgboost.py beside it writes the file and checks that XGBoost takes them.

#include "flwrcpp/strategy/fedxgb_bagging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"
#include "tests/support/train_round.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::Json;
using ::testing::Pair;
using testing::StatusIs;
using testing::TrainReply;
using testing::TrainRound;

ArrayRecord Record(const std::string& text) {
  ArrayRecord arrays;
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  arrays.Set("0", Array::From(bytes, {static_cast<std::int64_t>(bytes.size())}).value());
  return arrays;
}

Json Parse(const ArrayRecord& arrays) {
  const auto bytes = arrays.Find("0")->ToVector<std::uint8_t>().value();
  return Json::parse(bytes.begin(), bytes.end());
}

std::unique_ptr<FedXgbBagging> MakeBagging() { return FedXgbBagging::Create({}).value(); }

/// A model of `num_trees` trees, of which each has `mark` in it.
Json Model(int num_trees, int num_parallel_tree, int mark) {
  Json model;
  model["gbtree_model_param"] = {{"num_parallel_tree", std::to_string(num_parallel_tree)},
                                 {"num_trees", std::to_string(num_trees)}};
  model["iteration_indptr"] = Json::array({0});
  model["tree_info"] = Json::array();
  model["trees"] = Json::array();
  for (int i = 0; i < num_trees; ++i) {
    model["trees"].push_back({{"base_weights", {0.25}}, {"id", i}, {"mark", mark}});
    model["tree_info"].push_back(0);
  }
  for (int end = num_parallel_tree; end <= num_trees; end += num_parallel_tree) {
    model["iteration_indptr"].push_back(end);
  }
  Json json;
  json["learner"]["gradient_booster"] = {{"model", model}, {"name", "gbtree"}};
  json["version"] = {3, 2, 0};
  return json;
}

Json& ModelOf(Json& json) { return json["learner"]["gradient_booster"]["model"]; }

std::vector<int> Marks(Json json) {
  std::vector<int> marks;
  for (const Json& tree : ModelOf(json)["trees"]) marks.push_back(tree["mark"]);
  return marks;
}

TEST(FedXgbBaggingTest, BagsModelsOfXgboostAsStockFlowerDoesInWhateverOrderTheyArrive) {
  const Json golden = testing::ReadGoldenJson("xgboost.json");
  ASSERT_EQ(golden["cases"].size(), 3);
  for (const Json& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    std::vector<TrainReply> replies;
    for (const Json& reply : entry["replies"]) {
      replies.push_back({100 + replies.size(), Record(reply.get<std::string>())});
    }
    for (int i = 0; i < 2; ++i) {
      const auto result =
          TrainRound(*MakeBagging(), Record(entry["global"].get<std::string>()), replies);

      ASSERT_THAT(result, IsOk());
      EXPECT_THAT(result->failures, IsEmpty());
      // As ordered JSON: the order of the keys counts too.
      EXPECT_EQ(Parse(*result->arrays), Json::parse(entry["aggregate"].get<std::string>()));
      std::reverse(replies.begin(), replies.end());
    }
  }
}

TEST(FedXgbBaggingTest, AddsOneIterationOfEachReply) {
  const auto result =
      TrainRound(*MakeBagging(), Record(Model(2, 1, 0).dump()),
                 {{9, Record(Model(4, 2, 9).dump())}, {8, Record(Model(3, 1, 8).dump())}});

  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->num_results, 2);
  Json merged = Parse(*result->arrays);
  EXPECT_THAT(Marks(merged), ElementsAre(0, 0, 8, 9, 9));
  EXPECT_EQ(ModelOf(merged)["iteration_indptr"], Json({0, 1, 2, 3, 5}));
  EXPECT_EQ(ModelOf(merged)["tree_info"], Json({0, 0, 0, 0, 0}));
  EXPECT_EQ(ModelOf(merged)["gbtree_model_param"]["num_trees"], "5");
  EXPECT_EQ(ModelOf(merged)["gbtree_model_param"]["num_parallel_tree"], "1");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ModelOf(merged)["trees"][i]["id"], i);
  EXPECT_EQ(merged["version"], Json({3, 2, 0}));
}

TEST(FedXgbBaggingTest, WithoutAModelTheReplyOfTheLowestNodeIdIsTheFirstWhole) {
  const auto result =
      TrainRound(*MakeBagging(), Record(""),
                 {{9, Record(Model(3, 1, 9).dump())}, {8, Record(Model(3, 1, 8).dump())}});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(Marks(Parse(*result->arrays)), ElementsAre(8, 8, 8, 9));
}

// XGBoost does not resolve escapes such as \u00f6.
TEST(FedXgbBaggingTest, LettersBeyondAsciiAreNotEscaped) {
  Json global = Model(1, 1, 0);
  global["learner"]["feature_names"] = Json::array({"größe"});

  const auto result =
      TrainRound(*MakeBagging(), Record(global.dump()), {{8, Record(Model(1, 1, 8).dump())}});

  ASSERT_THAT(result, IsOk());
  const auto bytes = result->arrays->Find("0")->ToVector<std::uint8_t>().value();
  EXPECT_THAT(std::string(bytes.begin(), bytes.end()), HasSubstr("\"größe\""));
}

/// A good reply, and one that must be a failure with `text` and add nothing.
void ExpectFailure(ArrayRecord arrays, const std::string& text) {
  const auto result = TrainRound(*MakeBagging(), Record(Model(1, 1, 0).dump()),
                                 {{7, std::move(arrays)}, {8, Record(Model(1, 1, 8).dump())}});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->failures, ElementsAre(Pair(7, HasSubstr(text))));
  ASSERT_TRUE(result->arrays.has_value());
  EXPECT_THAT(Marks(Parse(*result->arrays)), ElementsAre(0, 8));
}

void ExpectFailure(const Json& model, const std::string& text) {
  SCOPED_TRACE(model.dump());
  ExpectFailure(Record(model.dump()), text);
}

TEST(FedXgbBaggingTest, RepliesThatHoldNoUint8ArrayAreFailures) {
  ExpectFailure(ArrayRecord(), "expected one array called '0', got 0");
  ExpectFailure(testing::Weights({1}), "expected one array called '0', got 1");
  ArrayRecord two = Record(Model(1, 1, 7).dump());
  two.Set("1", Array::From<std::uint8_t>({1}, {1}).value());
  ExpectFailure(two, "expected one array called '0', got 2");
  ArrayRecord floats;
  floats.Set("0", Array::From<float>({1}, {1}).value());
  ExpectFailure(floats, "array '0' has dtype float32, expected uint8");
  ArrayRecord damaged;
  damaged.Set("0", Array("uint8", {1}, "numpy.ndarray", {Bytes(std::string("no npy"))}));
  ExpectFailure(damaged, "array '0'");
}

TEST(FedXgbBaggingTest, RepliesThatAreNoJsonAreFailures) {
  ExpectFailure(Record(""), "0 bytes that are no JSON");
  ExpectFailure(Record("{\"learner\":"), "11 bytes that are no JSON");
  ExpectFailure(Record("\x7b\x4c\x00\x00"), "no JSON");  // how UBJSON begins
  ExpectFailure(Record("{\"learner\": \"\xff\"}"), "no JSON");
  const std::string deep(100000, '[');
  ExpectFailure(Record(deep + std::string(100000, ']')), "nests deeper than 32 levels");
  ExpectFailure(Record("{\"learner\": " + deep), "nests deeper than 32 levels");
}

TEST(FedXgbBaggingTest, EveryPartThatIsMissingMakesAFailure) {
  const std::string path = "learner/gradient_booster/model";
  ExpectFailure(Json::array(), "misses learner");
  ExpectFailure(Json::object(), "misses learner");
  for (const char* const key : {"gbtree_model_param", "iteration_indptr", "tree_info", "trees"}) {
    Json model = Model(2, 1, 7);
    ModelOf(model).erase(key);
    ExpectFailure(model, "misses " + path + "/" + key);
    ModelOf(model)[key] = 5;
    ExpectFailure(model, path + "/" + key);
  }
  for (const char* const key : {"num_trees", "num_parallel_tree"}) {
    Json model = Model(2, 1, 7);
    for (const Json& value : {Json(1), Json("1 "), Json("-1"), Json("one"), Json("9999999999")}) {
      ModelOf(model)["gbtree_model_param"][key] = value;
      ExpectFailure(model, path + "/gbtree_model_param/" + key + " is not a whole number");
    }
    ModelOf(model)["gbtree_model_param"].erase(key);
    ExpectFailure(model, "misses " + path + "/gbtree_model_param/" + key);
  }
}

TEST(FedXgbBaggingTest, PartsThatDoNotFitEachOtherMakeAFailure) {
  Json model = Model(2, 1, 7);
  ModelOf(model)["gbtree_model_param"]["num_trees"] = "3";
  ExpectFailure(model, "2 trees and 2 tree_info, num_trees is 3");
  model = Model(2, 1, 7);
  ModelOf(model)["tree_info"] = {0};
  ExpectFailure(model, "2 trees and 1 tree_info");
  model = Model(2, 1, 7);
  ModelOf(model)["tree_info"] = {0, 1};
  ExpectFailure(model, "several classes or targets");
  for (const int number : {0, 3}) {
    model = Model(2, 1, 7);
    ModelOf(model)["gbtree_model_param"]["num_parallel_tree"] = std::to_string(number);
    ExpectFailure(model, "expected 1 to the 2 trees that are there");
  }
  model = Model(2, 1, 7);
  ModelOf(model)["trees"][1] = 5;
  ExpectFailure(model, "something else than trees");
  for (const Json& indptr : {Json::array(), Json({0, 1}), Json({0, 1, "2"})}) {
    model = Model(2, 1, 7);
    ModelOf(model)["iteration_indptr"] = indptr;
    ExpectFailure(model, "does not end with the number of trees, 2");
  }
  model = Model(0, 1, 7);
  ExpectFailure(model, "expected 1 to the 0 trees that are there");
}

TEST(FedXgbBaggingTest, WithoutAReadableGlobalModelAllRepliesAreFailures) {
  const auto result =
      TrainRound(*MakeBagging(), Record("{}"),
                 {{7, Record(Model(1, 1, 7).dump())}, {8, Record(Model(1, 1, 8).dump())}});

  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->arrays.has_value());
  EXPECT_THAT(result->failures,
              ElementsAre(Pair(7, HasSubstr("global model: no model of XGBoost: misses learner")),
                          Pair(8, HasSubstr("global model: no model of XGBoost"))));
}

TEST(FedXgbBaggingTest, InitialArraysThatAreNoModelEndTheRun) {
  EXPECT_THAT(TrainRound(*MakeBagging(), testing::Weights({1}), {}),
              StatusIs(StatusCode::kInvalidArgument,
                       "FedXgbBagging: global model: expected one array called '0'"));
  EXPECT_THAT(TrainRound(*MakeBagging(), {}, {}), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp
