// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "flwrcpp/client.h"
#include "records/object.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::flwrcpp::testing::FromHex;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::Json;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::Vectors;
using ::testing::ElementsAre;

/// A client made of functions.
class LambdaClient final : public NumPyClient {
 public:
  std::function<StatusOr<FitRes>(const ArrayRecord&, const ConfigRecord&)> fit;
  std::function<StatusOr<EvaluateRes>(const ArrayRecord&, const ConfigRecord&)> evaluate;
  std::function<StatusOr<ArrayRecord>(const ConfigRecord&)> get_parameters;
  std::function<StatusOr<ConfigRecord>(const ConfigRecord&)> get_properties;

  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config) override {
    return fit ? fit(parameters, config) : NumPyClient::Fit(parameters, config);
  }
  StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters,
                                 const ConfigRecord& config) override {
    return evaluate ? evaluate(parameters, config) : NumPyClient::Evaluate(parameters, config);
  }
  StatusOr<ArrayRecord> GetParameters(const ConfigRecord& config) override {
    return get_parameters ? get_parameters(config) : NumPyClient::GetParameters(config);
  }
  StatusOr<ConfigRecord> GetProperties(const ConfigRecord& config) override {
    return get_properties ? get_properties(config) : NumPyClient::GetProperties(config);
  }
};

class NumPyClientTest : public ::testing::Test {
 protected:
  StatusOr<RecordDict> Answer(const std::string& type, RecordDict content) {
    const ClientApp app = MakeClientApp(
        [this](Context&) -> StatusOr<std::shared_ptr<NumPyClient>> { return client_; },
        "eval_loss");
    Metadata metadata;
    metadata.message_type = type;
    Context context;
    const StatusOr<Message> reply = app.Handle({metadata, std::move(content)}, context);
    if (!reply.ok()) return reply.status();
    return reply->content();
  }

  std::shared_ptr<LambdaClient> client_ = std::make_shared<LambdaClient>();
};

Array Numbers(const std::vector<float>& values) {
  return *Array::From(values, {static_cast<std::int64_t>(values.size())});
}

std::vector<std::string> Names(const auto& map) {
  std::vector<std::string> names;
  for (const auto& item : map) names.push_back(item.first);
  return names;
}

/// The records of a vector of the classic layer, as Python made them.
RecordDict Classic(const char* name) {
  RecordDict content;
  for (const Json& entry : Vectors()["legacy_compat"][name]["records_in_order"]) {
    const auto key = entry[0].get<std::string>();
    const auto kind = entry[1]["kind"].get<std::string>();
    ArrayRecord arrays;
    ConfigRecord config;
    MetricRecord metrics;
    for (const auto& [item, value] : entry[1]["items"].items()) {
      if (kind == "ArrayRecord") {
        arrays.Set(item,
                   Array(value["dtype"], {}, value["stype"], {Bytes(FromHex(value["data_hex"]))}));
        continue;
      }
      const auto type = value["type"].get<std::string>();
      const Json& v = value["value"];
      if (kind == "MetricRecord") {
        metrics.Set(item, type == "int" ? MetricValue(v.get<std::int64_t>())
                                        : MetricValue(v.get<double>()));
      } else if (type == "int") {
        config.Set(item, v.get<std::int64_t>());
      } else if (type == "float") {
        config.Set(item, v.get<double>());
      } else if (type == "bool") {
        config.Set(item, v.get<bool>());
      } else if (type == "str") {
        config.Set(item, v.get<std::string>());
      } else {
        config.Set(item, ByteString{FromHex(v)});
      }
    }
    if (kind == "ArrayRecord") content.Set(key, arrays);
    if (kind == "ConfigRecord") content.Set(key, config);
    if (kind == "MetricRecord") content.Set(key, metrics);
  }
  return content;
}

/// Object ids cover every byte and every order.
void ExpectClassic(const StatusOr<RecordDict>& reply, const char* name) {
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(internal::Deflate(*reply).tree.id,
            Vectors()["legacy_compat"][name]["dump"]["root_id"].get<std::string>());
}

// --- Message-based ServerApps -------------------------------------------------------------------

RecordDict Instruction(ArrayRecord arrays) {
  RecordDict content;
  content.Set("arrays", std::move(arrays));
  content.Set("config", ConfigRecord{{"server-round", std::int64_t{3}}});
  return content;
}

TEST_F(NumPyClientTest, FitAnswersWithArraysAndMetrics) {
  client_->fit = [](const ArrayRecord& parameters, const ConfigRecord& config) -> StatusOr<FitRes> {
    FitRes result{parameters, 10, {}};
    result.metrics.Set("round", *config.GetInt("server-round"));
    result.metrics.Set("train_loss", 0.5);
    return result;
  };
  const ArrayRecord model{{"w", Numbers({1, 2})}, {"b", Numbers({3})}};

  const StatusOr<RecordDict> reply = Answer("train", Instruction(model));

  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(Names(*reply), ElementsAre("arrays", "metrics"));
  EXPECT_EQ(*reply->FindArrays("arrays"), model);
  const MetricRecord& metrics = *reply->FindMetrics("metrics");
  EXPECT_THAT(Names(metrics), ElementsAre("round", "train_loss", "num-examples"));
  EXPECT_EQ(*metrics.Find("num-examples"), MetricValue(std::int64_t{10}));
  EXPECT_EQ(*metrics.Find("round"), MetricValue(std::int64_t{3}));
}

TEST_F(NumPyClientTest, TheArraysGetTheNamesAndTheOrderTheyCameWith) {
  const ArrayRecord model{{"w", Numbers({1})}, {"b", Numbers({2})}};
  const ArrayRecord by_position{{"0", Numbers({3})}, {"1", Numbers({4})}};
  const ArrayRecord by_name{{"b", Numbers({4})}, {"w", Numbers({3})}};
  for (const ArrayRecord& result : {by_position, by_name}) {
    client_->fit = [&](const ArrayRecord&, const ConfigRecord&) -> StatusOr<FitRes> {
      return FitRes{result, 1, {}};
    };

    const StatusOr<RecordDict> reply = Answer("train", Instruction(model));

    ASSERT_THAT(reply, IsOk());
    EXPECT_THAT(Names(*reply->FindArrays("arrays")), ElementsAre("w", "b"));
    EXPECT_EQ(*reply->FindArrays("arrays")->Find("w"), Numbers({3}));
    EXPECT_EQ(*reply->FindArrays("arrays")->Find("b"), Numbers({4}));
  }
}

TEST_F(NumPyClientTest, AnotherNumberOfArraysIsAnError) {
  client_->fit = [](const ArrayRecord&, const ConfigRecord&) -> StatusOr<FitRes> {
    return FitRes{{{"w", Numbers({1})}}, 1, {}};
  };

  EXPECT_THAT(Answer("train", Instruction({{"w", Numbers({1})}, {"b", Numbers({2})}})),
              StatusIs(StatusCode::kInvalidArgument, "got 2 arrays and returned 1"));
}

TEST_F(NumPyClientTest, OnlyNumbersBecomeMetrics) {
  client_->fit = [](const ArrayRecord& parameters, const ConfigRecord&) -> StatusOr<FitRes> {
    FitRes result{parameters, 7, {}};
    result.metrics.Set("text", std::string("x"));
    result.metrics.Set("flag", true);
    result.metrics.Set("flags", std::vector<bool>{true});
    result.metrics.Set("bytes", ByteString{"x"});
    result.metrics.Set("big", std::uint64_t{1} << 63);
    result.metrics.Set("list", std::vector<double>{1, 2});
    result.metrics.Set("num-examples", 0.25);
    return result;
  };

  const StatusOr<RecordDict> reply = Answer("train", Instruction({}));

  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(Names(*reply->FindMetrics("metrics")), ElementsAre("big", "list", "num-examples"));
  EXPECT_EQ(*reply->FindMetrics("metrics")->GetDouble("num-examples"), 7);
}

TEST_F(NumPyClientTest, EvaluateAnswersWithLossAndMetrics) {
  client_->evaluate = [](const ArrayRecord&, const ConfigRecord&) -> StatusOr<EvaluateRes> {
    return EvaluateRes{0.75, 20, {{"accuracy", 0.5}}};
  };

  const StatusOr<RecordDict> reply = Answer("evaluate", Instruction({}));

  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(Names(*reply), ElementsAre("metrics"));
  const MetricRecord& metrics = *reply->FindMetrics("metrics");
  EXPECT_THAT(Names(metrics), ElementsAre("eval_loss", "accuracy", "num-examples"));
  EXPECT_EQ(*metrics.GetDouble("eval_loss"), 0.75);
}

TEST_F(NumPyClientTest, RecordsMayBeCalledDifferently) {
  client_->fit = [](const ArrayRecord& parameters, const ConfigRecord& config) -> StatusOr<FitRes> {
    return FitRes{parameters, *config.GetInt("n"), {}};
  };
  RecordDict content;
  content.Set("my-config", ConfigRecord{{"n", std::int64_t{5}}});
  content.Set("my-arrays", ArrayRecord{{"w", Numbers({1})}});

  const StatusOr<RecordDict> reply = Answer("train", content);

  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(*reply->FindMetrics("metrics")->GetDouble("num-examples"), 5);
}

TEST_F(NumPyClientTest, WhatIsNotImplementedOrMissingIsAnError) {
  EXPECT_THAT(Answer("train", Instruction({})), StatusIs(StatusCode::kUnimplemented, "fit"));
  EXPECT_THAT(Answer("train", RecordDict()), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Answer("evaluate", RecordDict()), StatusIs(StatusCode::kInvalidArgument));
  client_ = nullptr;
  EXPECT_THAT(Answer("train", Instruction({})), StatusIs(StatusCode::kInvalidArgument));
}

// --- Classic ServerApps -------------------------------------------------------------------------

TEST_F(NumPyClientTest, ClassicFitIsWhatPythonAnswers) {
  client_->fit = [](const ArrayRecord& parameters, const ConfigRecord& config) -> StatusOr<FitRes> {
    EXPECT_THAT(Names(parameters), ElementsAre("0", "1"));
    EXPECT_EQ(*config.GetDouble("lr"), 0.1);
    EXPECT_EQ(*config.GetString("name"), "x");
    return FitRes{
        parameters,
        10,
        {{"accuracy", 0.95}, {"n", std::int64_t{3}}, {"s", std::string("x")}, {"b", true}}};
  };

  ExpectClassic(Answer("train", Classic("fitins")), "fitres");
}

TEST_F(NumPyClientTest, ClassicEvaluateIsWhatPythonAnswers) {
  client_->evaluate = [](const ArrayRecord& parameters,
                         const ConfigRecord&) -> StatusOr<EvaluateRes> {
    EXPECT_THAT(Names(parameters), ElementsAre("0", "1"));
    return EvaluateRes{0.5, 10, {{"accuracy", 0.95}}};
  };

  ExpectClassic(Answer("evaluate", Classic("evaluateins")), "evaluateres");
}

TEST_F(NumPyClientTest, ClassicGetParametersIsWhatPythonAnswers) {
  const RecordDict instruction = Classic("fitins");
  client_->get_parameters = [&](const ConfigRecord&) -> StatusOr<ArrayRecord> {
    return ArrayRecord{{"w", *instruction.FindArrays("fitins.parameters")->Find("0")},
                       {"b", *instruction.FindArrays("fitins.parameters")->Find("1")}};
  };

  ExpectClassic(Answer("get_parameters", Classic("getparametersins")), "getparametersres");
}

TEST_F(NumPyClientTest, ClassicGetPropertiesIsWhatPythonAnswers) {
  client_->get_properties = [](const ConfigRecord& config) -> StatusOr<ConfigRecord> {
    EXPECT_EQ(*config.GetInt("q"), 1);
    return ConfigRecord{{"cpu", std::int64_t{4}}, {"name", std::string("n")}};
  };

  ExpectClassic(Answer("get_properties", Classic("getpropertiesins")), "getpropertiesres");
}

TEST_F(NumPyClientTest, ClassicMethodsThatAreNotImplementedSaySoInTheReply) {
  ExpectClassic(Answer("train", Classic("fitins")), "fitres_not_implemented");

  const std::pair<const char*, std::int64_t> codes[] = {
      {"get_properties", 1}, {"get_parameters", 2}, {"evaluate", 4}};
  for (const auto& [type, code] : codes) {
    const bool evaluates = std::string(type) == "evaluate";
    const StatusOr<RecordDict> reply =
        Answer(type, evaluates ? Classic("evaluateins") : RecordDict());
    ASSERT_THAT(reply, IsOk()) << type;
    std::string prefix = type;
    std::erase(prefix, '_');
    const ConfigRecord* const status = reply->FindConfig(prefix + "res.status");
    ASSERT_NE(status, nullptr) << type;
    EXPECT_EQ(*status->GetInt("code"), code) << type;
  }
}

TEST_F(NumPyClientTest, AFailingClassicMethodIsAnError) {
  client_->fit = [](const ArrayRecord&, const ConfigRecord&) -> StatusOr<FitRes> {
    return Status(StatusCode::kInternal, "no data");
  };

  EXPECT_THAT(Answer("train", Classic("fitins")), StatusIs(StatusCode::kInternal, "no data"));
}

TEST_F(NumPyClientTest, AnEmptyClassicModelHasNoArrays) {
  client_->fit = [](const ArrayRecord& parameters, const ConfigRecord&) -> StatusOr<FitRes> {
    EXPECT_TRUE(parameters.empty());
    return FitRes{parameters, 1, {}};
  };
  RecordDict content;
  content.Set("fitins.parameters", ArrayRecord{{"_empty", Array()}});
  content.Set("fitins.config", ConfigRecord());

  const StatusOr<RecordDict> reply = Answer("train", content);

  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(Names(*reply->FindArrays("fitres.parameters")), ElementsAre("_empty"));
}

}  // namespace
}  // namespace flwrcpp
