// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A node on the classic stream of a server that does what the tests say.

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "client/run_node.h"
#include "flwrcpp/client.h"
#include "flwrcpp/node.h"
#include "tests/support/fake_classic_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_fleet_servers.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::flwr::proto::ClientMessage;
using ::flwr::proto::ServerMessage;
using ::flwrcpp::testing::FakeClassicServer;
using ::flwrcpp::testing::FakeClassicStream;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using Stream = std::shared_ptr<FakeClassicStream>;

constexpr auto kPatience = FakeClassicServer::kPatience;

Array Floats(const std::vector<float>& values) {
  return *Array::From(values, {static_cast<std::int64_t>(values.size())});
}

void AddTensor(const Array& array, flwr::proto::Parameters& parameters) {
  parameters.add_tensors(std::string(array.Contiguous().view()));
  parameters.set_tensor_type("numpy.ndarray");
}

ServerMessage Fit(const std::vector<float>& values) {
  ServerMessage message;
  AddTensor(Floats(values), *message.mutable_fit_ins()->mutable_parameters());
  (*message.mutable_fit_ins()->mutable_config())["add"].set_double_(0.5);
  return message;
}

std::vector<float> FirstTensor(const flwr::proto::Parameters& parameters) {
  if (parameters.tensors_size() == 0) return {};
  const StatusOr<Array> array = Array::FromNpy(Bytes(parameters.tensors(0)));
  return array.ok() ? array->ToVector<float>().value_or(std::vector<float>())
                    : std::vector<float>();
}

/// Adds the config's `add` to what it gets.
class Adder final : public NumPyClient {
 public:
  StatusOr<ArrayRecord> GetParameters(const ConfigRecord& config) override {
    return ArrayRecord{{"w", Floats({static_cast<float>(config.GetDouble("start").value_or(1))})}};
  }
  StatusOr<ConfigRecord> GetProperties(const ConfigRecord& /*config*/) override {
    return ConfigRecord{{"big", std::uint64_t{1} << 63},
                        {"small", std::uint64_t{5}},
                        {"name", std::string("Ada")},
                        {"raw", ByteString{std::string("\0\xff", 2)}},
                        {"yes", true}};
  }
  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config) override {
    FitRes result;
    for (const auto& [name, array] : parameters) {
      std::vector<float> values = array.ToVector<float>().value();
      for (float& value : values) value += static_cast<float>(config.GetDouble("add").value());
      result.parameters.Set(name, Floats(values));
    }
    result.num_examples = 7;
    result.metrics.Set("loss", 0.25);
    return result;
  }
  StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters, const ConfigRecord&) override {
    EvaluateRes result;
    result.loss = parameters.item(0).second.ToVector<float>().value().at(0);
    result.num_examples = 3;
    result.metrics.Set("words", std::string("fine"));
    return result;
  }
};

class ClassicNode : public ::testing::Test {
 protected:
  ClassicNode() {
    options_.transport = Transport::kClassic;
    options_.insecure = true;
    options_.node_config.Set("partition-id", std::int64_t{4});
    options_.on_connected = [this](std::uint64_t node_id, std::string_view wire) {
      const std::lock_guard lock(mutex_);
      connected_.push_back(std::to_string(node_id) + " " + std::string(wire));
    };
    app_ = MakeClientApp([](Context&) { return std::make_shared<Adder>(); });
  }
  ~ClassicNode() override { static_cast<void>(Stop()); }

  void Start() {
    if (options_.superlink == NodeOptions().superlink) options_.superlink = server_->address();
    result_ = std::async(std::launch::async, [this] {
      return internal::RunNode(app_, options_, clock_, stop_.get_token());
    });
  }
  Status Stop() {
    stop_.request_stop();
    return Result();
  }
  Status Result() {
    if (!result_.valid()) return {};
    if (result_.wait_for(kPatience) != std::future_status::ready) {
      return {StatusCode::kDeadlineExceeded, "the node did not end"};
    }
    return result_.get();
  }
  std::vector<std::string> Connected() {
    const std::lock_guard lock(mutex_);
    return connected_;
  }
  /// What the node answers to `message`.
  static ClientMessage Ask(const Stream& stream, const ServerMessage& message) {
    stream->Send(message);
    return stream->Receive().value_or(ClientMessage());
  }

  std::unique_ptr<FakeClassicServer> server_ = FakeClassicServer::Start();
  testing::FastClock clock_;
  NodeOptions options_;
  ClientApp app_;
  std::stop_source stop_;
  std::future<Status> result_;
  std::mutex mutex_;
  std::vector<std::string> connected_;
};

TEST_F(ClassicNode, FitsWhatTheServerSends) {
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);

  const ClientMessage answer = Ask(stream, Fit({1, 2}));

  ASSERT_TRUE(answer.has_fit_res());
  EXPECT_EQ(answer.fit_res().status().code(), flwr::proto::OK);
  EXPECT_EQ(FirstTensor(answer.fit_res().parameters()), (std::vector<float>{1.5, 2.5}));
  EXPECT_EQ(answer.fit_res().parameters().tensor_type(), "numpy.ndarray");
  EXPECT_EQ(answer.fit_res().num_examples(), 7);
  EXPECT_EQ(answer.fit_res().metrics().at("loss").double_(), 0.25);
  EXPECT_THAT(Stop(), IsOk());
  EXPECT_TRUE(stream->IsLeft());
  EXPECT_EQ(Connected(), std::vector<std::string>{"0 classic"});
}

TEST_F(ClassicNode, EvaluatesAndTellsParametersAndProperties) {
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);

  ServerMessage evaluate;
  *evaluate.mutable_evaluate_ins()->mutable_parameters() = Fit({0.75}).fit_ins().parameters();
  const ClientMessage evaluated = Ask(stream, evaluate);
  EXPECT_EQ(evaluated.evaluate_res().loss(), 0.75F);
  EXPECT_EQ(evaluated.evaluate_res().num_examples(), 3);
  EXPECT_EQ(evaluated.evaluate_res().metrics().at("words").string(), "fine");

  ServerMessage parameters;
  (*parameters.mutable_get_parameters_ins()->mutable_config())["start"].set_sint64(9);
  EXPECT_EQ(FirstTensor(Ask(stream, parameters).get_parameters_res().parameters()),
            std::vector<float>{9});

  ServerMessage properties;
  properties.mutable_get_properties_ins();
  const auto told = Ask(stream, properties).get_properties_res().properties();
  ASSERT_EQ(told.size(), 5);
  EXPECT_EQ(told.at("big").uint64(), std::uint64_t{1} << 63);
  EXPECT_EQ(told.at("small").sint64(), 5);
  EXPECT_EQ(told.at("name").string(), "Ada");
  EXPECT_EQ(told.at("raw").bytes(), std::string("\0\xff", 2));
  EXPECT_TRUE(told.at("yes").bool_());
}

TEST_F(ClassicNode, LetsHandlersOfMessageBasedAppsAnswer) {
  app_ = ClientApp();
  app_.Train([](const Message& message, Context& context) -> StatusOr<Message> {
    RecordDict content;
    content.Set("arrays", *message.content().FindArrays("fitins.parameters"));
    content.Set("metrics",
                MetricRecord{{"num-examples", std::int64_t{11}},
                             {"partition", *context.node_config.GetInt("partition-id")}});
    return Message::ReplyTo(message, std::move(content));
  });
  app_.Evaluate([](const Message& message, Context&) -> StatusOr<Message> {
    RecordDict content;
    content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{12}}, {"eval_loss", 0.5}});
    return Message::ReplyTo(message, std::move(content));
  });
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);

  const ClientMessage fit = Ask(stream, Fit({3}));
  EXPECT_EQ(FirstTensor(fit.fit_res().parameters()), std::vector<float>{3});
  EXPECT_EQ(fit.fit_res().num_examples(), 11);
  EXPECT_EQ(fit.fit_res().metrics().size(), 1U);
  EXPECT_EQ(fit.fit_res().metrics().at("partition").sint64(), 4);

  ServerMessage evaluate;
  evaluate.mutable_evaluate_ins();
  const ClientMessage evaluated = Ask(stream, evaluate);
  EXPECT_EQ(evaluated.evaluate_res().loss(), 0.5F);
  EXPECT_EQ(evaluated.evaluate_res().num_examples(), 12);
  EXPECT_TRUE(evaluated.evaluate_res().metrics().empty());
}

TEST_F(ClassicNode, KeepsStateFromTaskToTask) {
  app_ = ClientApp();
  app_.Train([](const Message& message, Context& context) -> StatusOr<Message> {
    MetricRecord& metrics = std::get<MetricRecord>(
        context.state.contains("m")
            ? *context.state.Find("m")
            : context.state.Set("m", MetricRecord{{"num-examples", std::int64_t{0}}}));
    auto& count = std::get<std::int64_t>(*metrics.Find("num-examples"));
    ++count;
    RecordDict content;
    content.Set("arrays", ArrayRecord());
    content.Set("metrics", metrics);
    return Message::ReplyTo(message, std::move(content));
  });
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(Ask(stream, Fit({})).fit_res().num_examples(), 1);
  EXPECT_EQ(Ask(stream, Fit({})).fit_res().num_examples(), 2);
}

TEST_F(ClassicNode, TurnsFailuresOfHandlersIntoAStatus) {
  app_ = ClientApp();
  app_.Train([](const Message&, Context&) -> StatusOr<Message> {
    throw std::runtime_error("no memory for \xff");
  });
  app_.Classic("get_properties", [](const Message& message, Context&) -> StatusOr<Message> {
    RecordDict content;
    content.Set("p", ConfigRecord{{"sizes", std::vector<std::int64_t>{1, 2}}});
    return Message::ReplyTo(message, std::move(content));
  });
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);

  const ClientMessage thrown = Ask(stream, Fit({1}));
  EXPECT_EQ(thrown.fit_res().status().code(), flwr::proto::FIT_NOT_IMPLEMENTED);
  EXPECT_EQ(thrown.fit_res().status().message(),
            "<class 'std::runtime_error'>:<'no memory for ?'>");

  ServerMessage evaluate;
  evaluate.mutable_evaluate_ins();
  const ClientMessage missing = Ask(stream, evaluate);
  EXPECT_EQ(missing.evaluate_res().status().code(), flwr::proto::EVALUATE_NOT_IMPLEMENTED);
  EXPECT_NE(missing.evaluate_res().status().message().find("no handler"), std::string::npos);

  ServerMessage properties;
  properties.mutable_get_properties_ins();
  const ClientMessage unfit = Ask(stream, properties);
  EXPECT_EQ(unfit.get_properties_res().status().code(),
            flwr::proto::GET_PROPERTIES_NOT_IMPLEMENTED);
  EXPECT_NE(unfit.get_properties_res().status().message().find("'sizes' is a list"),
            std::string::npos);
}

TEST_F(ClassicNode, EndsWhenTheServerLetsItGo) {
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);
  ServerMessage reconnect;
  reconnect.mutable_reconnect_ins();

  const ClientMessage answer = Ask(stream, reconnect);

  EXPECT_EQ(answer.disconnect_res().reason(), flwr::proto::ACK);
  stream->End(StatusCode::kOk, "");
  EXPECT_THAT(Result(), IsOk());
}

TEST_F(ClassicNode, ComesBackAfterTheSecondsTheServerAsksFor) {
  Start();
  const Stream first = server_->Accept();
  ASSERT_NE(first, nullptr);
  ServerMessage reconnect;
  reconnect.mutable_reconnect_ins()->set_seconds(30);

  EXPECT_EQ(Ask(first, reconnect).disconnect_res().reason(), flwr::proto::RECONNECT);

  const Stream second = server_->Accept();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(Ask(second, Fit({1})).fit_res().num_examples(), 7);
}

TEST_F(ClassicNode, DropsTheWorkOfAStreamThatBreaksAndComesBack) {
  std::promise<void> begun;
  std::promise<void> abandoned;
  app_ = ClientApp();
  app_.Train([&](const Message&, Context& context) -> StatusOr<Message> {
    const std::stop_callback on_stop(context.stop, [&] { abandoned.set_value(); });
    begun.set_value();
    abandoned.get_future().wait_for(kPatience);
    return Status(StatusCode::kCancelled, "not wanted");
  });
  Start();
  const Stream first = server_->Accept();
  ASSERT_NE(first, nullptr);
  first->Send(Fit({1}));
  ASSERT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);

  first->End(StatusCode::kInternal, "the server broke");

  const Stream second = server_->Accept();
  ASSERT_NE(second, nullptr);
  ServerMessage evaluate;
  evaluate.mutable_evaluate_ins();
  EXPECT_TRUE(Ask(second, evaluate).has_evaluate_res());  // nothing of the first stream came here
}

TEST_F(ClassicNode, ComesBackToAServerThatWasStartedAgain) {
  Start();
  const std::string address = server_->address();
  const Stream first = server_->Accept();
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(Ask(first, Fit({1})).has_fit_res());
  server_.reset();

  server_ = FakeClassicServer::StartAt(address);

  const Stream second = server_->Accept();
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(Ask(second, Fit({1})).has_fit_res());
}

TEST_F(ClassicNode, GivesUpWhenItsRetriesAreUsedUp) {
  options_.superlink = server_->address();
  server_.reset();
  options_.max_retries = 2;
  Start();
  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnavailable, "cannot reach"));
  EXPECT_TRUE(Connected().empty());
}

TEST_F(ClassicNode, CountsStreamsThatBringNothingAsFailures) {
  clock_.SetFactor(5);  // streams that lived for 20 s are none
  options_.max_retries = 1;
  Start();
  for (int i = 0; i < 2; ++i) {
    const Stream stream = server_->Accept();
    ASSERT_NE(stream, nullptr);
    stream->End(StatusCode::kUnavailable, "full");
  }
  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(ClassicNode, TakesMessagesItDoesNotKnowForFailures) {
  clock_.SetFactor(5);  // streams that lived for 20 s are none
  options_.max_retries = 1;
  Start();
  const Stream first = server_->Accept();
  ASSERT_NE(first, nullptr);
  first->SendBytes("\xff\xff\xff garbage");
  EXPECT_TRUE(first->IsLeft());

  const Stream second = server_->Accept();
  ASSERT_NE(second, nullptr);
  second->Send(ServerMessage());
  EXPECT_THAT(Result(), StatusIs(StatusCode::kInvalidArgument, "nothing this node knows"));
}

TEST_F(ClassicNode, SaysThatASuperLinkIsNoClassicServer) {
  testing::FakeFleet fleet;
  const testing::GrpcFleetServer superlink(fleet);
  options_.superlink = superlink.address();
  Start();
  EXPECT_THAT(Result(), StatusIs(StatusCode::kFailedPrecondition, "http or grpc transport"));
}

TEST_F(ClassicNode, RefusesMessagesThatAreTooLarge) {
  options_.max_message_bytes = 10'000;
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);
  stream->Send(Fit(std::vector<float>(10'000)));
  EXPECT_THAT(Result(), StatusIs(StatusCode::kResourceExhausted));
}

TEST_F(ClassicNode, StopsWhileItWaitsAndWhileItWorks) {
  std::promise<void> begun;
  app_ = ClientApp();
  app_.Train([&](const Message&, Context& context) -> StatusOr<Message> {
    begun.set_value();
    clock_.Sleep(1e9, context.stop);
    return Status(StatusCode::kCancelled, "not wanted");
  });
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);
  stream->Send(Fit({1}));
  ASSERT_EQ(begun.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(Stop(), IsOk());
  EXPECT_TRUE(stream->IsLeft());
  EXPECT_FALSE(stream->Receive().has_value());
}

TEST_F(ClassicNode, SpeaksTlsAndTrustsOnlyWhatItIsTold) {
  const testing::TestCertificate certificate = testing::MakeTestCertificate();
  server_ = FakeClassicServer::Start(certificate);
  options_.insecure = false;
  options_.root_certificates = certificate.certificate;
  Start();
  const Stream stream = server_->Accept();
  ASSERT_NE(stream, nullptr);
  EXPECT_TRUE(Ask(stream, Fit({1})).has_fit_res());
  EXPECT_THAT(Stop(), IsOk());

  stop_ = {};
  options_.root_certificates = testing::MakeTestCertificate().certificate;
  Start();
  EXPECT_THAT(Result(), StatusIs(StatusCode::kUnavailable, "not trusted"));
}

TEST_F(ClassicNode, RefusesOptionsThatTheStreamHasNoUseFor) {
  options_.state_directory = "somewhere";
  Start();
  EXPECT_THAT(Result(), StatusIs(StatusCode::kInvalidArgument, "classic stream"));
}

}  // namespace
}  // namespace flwrcpp
