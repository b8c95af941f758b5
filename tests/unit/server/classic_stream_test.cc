// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Classic nodes of a SuperLink: clients that do what the tests say, and our own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "flwrcpp/client.h"
#include "flwrcpp/node.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"
#include "tests/unit/server/classic_stream_fixture.h"

namespace flwrcpp {
namespace {

using ::flwr::proto::ClientMessage;
using ::flwr::proto::ServerMessage;
using ::flwrcpp::testing::FitAnswer;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

std::vector<float> FirstTensor(const flwr::proto::Parameters& parameters) {
  const StatusOr<Array> array = Array::FromNpy(Bytes(parameters.tensors(0)));
  return array.ok() ? array->ToVector<float>().value_or(std::vector<float>())
                    : std::vector<float>();
}

using ClassicStream = ClassicStreamFixture;

TEST_F(ClassicStream, IsANodeAsLongAsItIsOpen) {
  auto first = Join();
  const std::vector<std::uint64_t> one = Nodes(1);
  ASSERT_EQ(one.size(), 1U);
  const auto second = Join();
  EXPECT_EQ(Nodes(2).size(), 2U);

  first->Cancel();

  const std::vector<std::uint64_t> left = Nodes(1);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_NE(left, one);
}

TEST_F(ClassicStream, CarriesATrainMessageAndItsReply) {
  const auto client = Join();
  const std::string id = Push(Nodes(1).at(0), Model({{"w", Floats({1, 2})}, {"b", Floats({3})}}));

  const std::optional<ServerMessage> asked = client->Receive();
  ASSERT_TRUE(asked && asked->has_fit_ins());
  EXPECT_EQ(asked->fit_ins().parameters().tensors_size(), 2);
  EXPECT_EQ(asked->fit_ins().parameters().tensor_type(), "numpy.ndarray");
  EXPECT_EQ(FirstTensor(asked->fit_ins().parameters()), (std::vector<float>{1, 2}));
  EXPECT_EQ(asked->fit_ins().config().at("server-round").sint64(), 3);
  EXPECT_EQ(asked->fit_ins().config().at("lr").double_(), 0.5);

  ClientMessage answer = FitAnswer({{7, 8}, {9}}, 5);
  auto& metrics = *answer.mutable_fit_res()->mutable_metrics();
  metrics["loss"].set_double_(0.25);
  metrics["words"].set_string("not a number");
  metrics["yes"].set_bool_(true);
  metrics["steps"].set_sint64(-4);
  ASSERT_TRUE(client->Send(answer));

  const Message reply = Reply(id);
  ASSERT_FALSE(reply.has_error()) << reply.error().reason;
  const ArrayRecord* const arrays = reply.content().FindArrays("arrays");
  ASSERT_NE(arrays, nullptr);
  EXPECT_EQ(*arrays, (ArrayRecord{{"w", Floats({7, 8})}, {"b", Floats({9})}}));
  EXPECT_EQ(*reply.content().FindMetrics("metrics"),
            (MetricRecord{
                {"num-examples", std::int64_t{5}}, {"loss", 0.25}, {"steps", std::int64_t{-4}}}));
  EXPECT_EQ(reply.content().size(), 2U);
}

TEST_F(ClassicStream, CarriesAnEvaluateMessageAndItsReply) {
  const auto client = Join();
  const std::string id = Push(Nodes(1).at(0), Model({{"w", Floats({1})}}), "evaluate");
  const std::optional<ServerMessage> asked = client->Receive();
  ASSERT_TRUE(asked && asked->has_evaluate_ins());
  EXPECT_EQ(FirstTensor(asked->evaluate_ins().parameters()), std::vector<float>{1});

  ClientMessage answer;
  answer.mutable_evaluate_res()->set_loss(0.5);
  answer.mutable_evaluate_res()->set_num_examples(4);
  (*answer.mutable_evaluate_res()->mutable_metrics())["acc"].set_double_(0.75);
  ASSERT_TRUE(client->Send(answer));

  EXPECT_EQ(*Reply(id).content().FindMetrics("metrics"),
            (MetricRecord{{"eval_loss", 0.5}, {"num-examples", std::int64_t{4}}, {"acc", 0.75}}));
}

TEST_F(ClassicStream, CarriesInstructionsOfClassicServerAppsWithAllThatIsInTheAnswer) {
  const auto client = Join();
  const std::uint64_t node = Nodes(1).at(0);
  auto content = std::make_shared<RecordDict>();
  content->Set("fitins.parameters", ArrayRecord{{"0", Floats({1})}});
  content->Set("fitins.config", ConfigRecord{{"name", std::string("x")}});
  const std::string id = Push(node, content);
  EXPECT_EQ(client->Receive()->fit_ins().config().at("name").string(), "x");

  ClientMessage answer = FitAnswer({{2}, {3}}, 6);  // as many as it likes: they have no names
  answer.mutable_fit_res()->mutable_status()->set_code(flwr::proto::FIT_NOT_IMPLEMENTED);
  (*answer.mutable_fit_res()->mutable_metrics())["words"].set_string("kept");
  client->Send(answer);

  const Message reply = Reply(id);
  ASSERT_FALSE(reply.has_error());
  EXPECT_EQ(reply.content().FindArrays("fitres.parameters")->size(), 2U);
  EXPECT_EQ(*reply.content().FindConfig("fitres.metrics"),
            (ConfigRecord{{"words", std::string("kept")}}));
  EXPECT_EQ(*reply.content().FindMetrics("fitres.num_examples"),
            (MetricRecord{{"num_examples", std::int64_t{6}}}));
  EXPECT_EQ(*reply.content().FindConfig("fitres.status")->GetInt("code"), 3);

  auto query = std::make_shared<RecordDict>();
  query->Set("getpropertiesins.config", ConfigRecord{{"deep", true}});
  const std::string properties = Push(node, query, "get_properties");
  EXPECT_TRUE(client->Receive()->get_properties_ins().config().at("deep").bool_());
  ClientMessage told;
  (*told.mutable_get_properties_res()->mutable_properties())["cores"].set_sint64(2);
  client->Send(told);
  EXPECT_EQ(*Reply(properties).content().FindConfig("getpropertiesres.properties"),
            (ConfigRecord{{"cores", std::int64_t{2}}}));
}

TEST_F(ClassicStream, GivesInitialArrays) {
  const auto client = Join();
  auto arrays =
      std::async(std::launch::async, [this] { return PullInitialArrays(*grid_, kPatience, {}); });
  ASSERT_TRUE(client->Receive()->has_get_parameters_ins());
  ClientMessage answer;
  *answer.mutable_get_parameters_res()->mutable_parameters() =
      FitAnswer({{4, 5}}, 0).fit_res().parameters();
  client->Send(answer);
  const StatusOr<ArrayRecord> got = arrays.get();
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->item(0).second.ToVector<float>().value(), (std::vector<float>{4, 5}));
}

TEST_F(ClassicStream, IsToldToDisconnectWhenTheSuperLinkStops) {
  const auto idle = Join();
  const auto busy = Join();
  const std::vector<std::uint64_t> nodes = Nodes(2);
  ASSERT_EQ(nodes.size(), 2U);
  for (const std::uint64_t node : nodes) Push(node, Model({{"w", Floats({1})}}));
  ASSERT_TRUE(busy->Receive().has_value());
  ASSERT_TRUE(idle->Receive().has_value());
  idle->Send(FitAnswer({{1}}, 1));
  auto stopping = std::async(std::launch::async, [this] { superlink_->Stop(); });

  const std::optional<ServerMessage> goodbye = idle->Receive();
  ASSERT_TRUE(goodbye && goodbye->has_reconnect_ins());
  EXPECT_EQ(goodbye->reconnect_ins().seconds(), 0);
  ClientMessage leaving;
  leaving.mutable_disconnect_res()->set_reason(flwr::proto::ACK);
  idle->Send(leaving);
  EXPECT_THAT(idle->Result(), IsOk());

  // One that works on something finds it when it is ready.
  stopping.get();
  EXPECT_TRUE(busy->Receive()->has_reconnect_ins());
  EXPECT_THAT(busy->Result(), IsOk());
}

TEST_F(ClassicStream, WorksOnStateOnDisk) {
  const testing::TempDir folder;
  options_.database = folder.path() / "state.db";
  Start();
  const auto client = Join();
  const std::string id = Push(Nodes(1).at(0), Model({{"w", Floats({1})}}));
  ASSERT_TRUE(client->Receive().has_value());
  client->Send(FitAnswer({{2}}, 1));
  const Message reply = Reply(id);
  ASSERT_FALSE(reply.has_error()) << reply.error().reason;
  EXPECT_EQ(*reply.content().FindArrays("arrays"), (ArrayRecord{{"w", Floats({2})}}));
  client->Cancel();
  EXPECT_TRUE(Nodes(0).empty());
  superlink_.reset();  // before the folder goes
}

TEST_F(ClassicStream, SpeaksTls) {
  const testing::TestCertificate certificate = testing::MakeTestCertificate();
  options_.insecure = false;
  options_.ssl_certificate = certificate.certificate;
  options_.ssl_private_key = certificate.private_key;
  Start();
  const auto client = Join(certificate.certificate);
  EXPECT_EQ(Nodes(1).size(), 1U);
}

/// Adds `step` to all values.
class Adder final : public NumPyClient {
 public:
  explicit Adder(float step) : step_(step) {}
  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& /*config*/) override {
    FitRes result;
    for (const auto& [name, array] : parameters) {
      std::vector<float> values = array.ToVector<float>().value();
      for (float& value : values) value += step_;
      result.parameters.Set(name, Floats(values));
    }
    result.num_examples = static_cast<std::int64_t>(step_);
    return result;
  }
  StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters, const ConfigRecord&) override {
    EvaluateRes result;
    result.loss = parameters.item(0).second.ToVector<float>().value().at(0);
    result.num_examples = 1;
    return result;
  }

 private:
  const float step_;
};

TEST_F(ClassicStream, IsAveragedTogetherWithNodesOfTheFleetApi) {
  std::stop_source stop;
  std::vector<std::future<Status>> nodes;
  for (const auto& [transport, port, step] :
       {std::tuple(Transport::kClassic, superlink_->classic_port(), 1.0F),
        std::tuple(Transport::kHttp, superlink_->http_port(), 3.0F)}) {
    nodes.push_back(
        std::async(std::launch::async, [transport = transport, port = port, step = step, &stop] {
          NodeOptions options;
          options.superlink = "127.0.0.1:" + std::to_string(port);
          options.insecure = true;
          options.transport = transport;
          return RunNode(MakeClientApp([step](Context&) { return std::make_shared<Adder>(step); }),
                         options, stop.get_token());
        }));
  }
  ASSERT_EQ(Nodes(2).size(), 2U);
  FedAvgOptions fedavg;
  fedavg.min_train_nodes = fedavg.min_evaluate_nodes = fedavg.min_available_nodes = 2;
  const auto strategy = FedAvg::Create(fedavg);
  ASSERT_THAT(strategy, IsOk());
  StartOptions run;
  run.num_rounds = 2;
  run.initial_arrays = ArrayRecord{{"layer.weight", Floats({0, 10})}};

  const StatusOr<Result> result = (*strategy)->Start(*grid_, std::move(run));

  ASSERT_THAT(result, IsOk());
  // Each round adds the mean of 1 and 3, weighted 1 to 3.
  EXPECT_EQ(result->arrays, (ArrayRecord{{"layer.weight", Floats({5, 15})}}));
  superlink_->Stop();  // lets the classic node go; the other one waits for another SuperLink
  EXPECT_THAT(nodes[0].get(), IsOk());
  stop.request_stop();
  EXPECT_THAT(nodes[1].get(), IsOk());
}

TEST(ClassicStreamOptions, ExcludeAuthenticationOfNodes) {
  SuperLinkOptions options;
  options.insecure = true;
  options.http_port = 0;
  options.classic_port = 0;
  options.enable_supernode_auth = true;
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument, "no keys"));
  options.enable_supernode_auth = false;
  options.max_classic_message_bytes = 1;
  EXPECT_THAT(SuperLink::Start(options), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace flwrcpp
