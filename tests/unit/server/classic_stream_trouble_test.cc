// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// What a classic node cannot be sent, what it must not send, and how it may leave.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/classic_stream_fixture.h"

namespace flwrcpp {
namespace {

using ::flwr::proto::ClientMessage;
using ::flwrcpp::testing::FitAnswer;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

using ClassicStreamTrouble = ClassicStreamFixture;

TEST_F(ClassicStreamTrouble, AnswersInPlaceOfTheNodeWhatTheStreamCannotCarry) {
  const auto client = Join();
  const std::uint64_t node = Nodes(1).at(0);
  const auto reason = [&](std::shared_ptr<RecordDict> content, const std::string& type) {
    const Message reply = Reply(Push(node, std::move(content), type));
    EXPECT_TRUE(reply.has_error());
    return reply.error().reason;
  };
  EXPECT_NE(reason(Model({}), "query").find("'query'"), std::string::npos);
  EXPECT_NE(reason(Model({}), "train.more").find("'train.more'"), std::string::npos);
  EXPECT_NE(reason(std::make_shared<RecordDict>(), "train").find("has none"), std::string::npos);

  auto content = Model({{"w", Floats({1})}});
  content->Set("more", ArrayRecord());
  EXPECT_NE(reason(content, "train").find("several"), std::string::npos);
  content = Model({{"w", Floats({1})}});
  content->Set("metrics", MetricRecord());
  EXPECT_NE(reason(content, "train").find("MetricRecord"), std::string::npos);
  content = Model({{"w", Floats({1})}});
  content->Set("config", ConfigRecord{{"sizes", std::vector<std::int64_t>{1}}});
  EXPECT_NE(reason(content, "train").find("'sizes' is a list"), std::string::npos);
  content = Model({{"w", Floats({1})}, {"x", Array("", {}, "torch", {Bytes("x")})}});
  EXPECT_NE(reason(content, "train").find("stype 'torch'"), std::string::npos);

  // The stream itself has taken no harm.
  Push(node, Model({{"w", Floats({1})}}));
  EXPECT_TRUE(client->Receive()->has_fit_ins());
}

TEST_F(ClassicStreamTrouble, MakesAnErrorOfAnswersThatDoNotFit) {
  const auto client = Join();
  const std::uint64_t node = Nodes(1).at(0);
  const auto reason = [&](const ClientMessage& answer) {
    const std::string id = Push(node, Model({{"w", Floats({1})}}));
    EXPECT_TRUE(client->Receive()->has_fit_ins());
    client->Send(answer);
    const Message reply = Reply(id);
    EXPECT_TRUE(reply.has_error());
    return reply.error().reason;
  };
  EXPECT_NE(reason(FitAnswer({{1}, {2}}, 1)).find("got 1 arrays and answered with 2"),
            std::string::npos);
  EXPECT_NE(reason(ClientMessage()).find("field 0"), std::string::npos);
  ClientMessage other;
  other.mutable_evaluate_res();
  EXPECT_NE(reason(other).find("field 5"), std::string::npos);
  ClientMessage pickled = FitAnswer({{1}}, 1);
  pickled.mutable_fit_res()->mutable_parameters()->set_tensor_type("pickle");
  EXPECT_NE(reason(pickled).find("'pickle'"), std::string::npos);
  ClientMessage broken = FitAnswer({{1}}, 1);
  broken.mutable_fit_res()->mutable_parameters()->set_tensors(0, "no npy");
  EXPECT_NE(reason(broken).find("array 'w'"), std::string::npos);
  ClientMessage failed = FitAnswer({}, 0);
  failed.mutable_fit_res()->mutable_status()->set_code(flwr::proto::FIT_NOT_IMPLEMENTED);
  failed.mutable_fit_res()->mutable_status()->set_message("out of memory");
  EXPECT_EQ(reason(failed), "FIT_NOT_IMPLEMENTED: out of memory");
}

TEST_F(ClassicStreamTrouble, EndsWithGarbageAndAnswersForTheNode) {
  const auto client = Join();
  const std::string id = Push(Nodes(1).at(0), Model({{"w", Floats({1})}}));
  ASSERT_TRUE(client->Receive().has_value());
  client->SendBytes("\xff\xff\xff garbage");
  EXPECT_THAT(client->Result(), StatusIs(StatusCode::kInvalidArgument, "no ClientMessage"));
  EXPECT_TRUE(Reply(id).has_error());
  EXPECT_TRUE(Nodes(0).empty());
}

TEST_F(ClassicStreamTrouble, EndsWithMessagesThatNobodyAskedFor) {
  const auto client = Join();
  client->Send(FitAnswer({{1}}, 1));
  EXPECT_THAT(client->Result(), StatusIs(StatusCode::kInvalidArgument, "without having been"));

  const auto polite = Join();
  ClientMessage leaving;
  leaving.mutable_disconnect_res();
  polite->Send(leaving);
  EXPECT_THAT(polite->Result(), IsOk());

  const auto silent = Join();
  silent->HalfClose();
  EXPECT_THAT(silent->Result(), IsOk());
  EXPECT_TRUE(Nodes(0).empty());
}

TEST_F(ClassicStreamTrouble, AnswersForANodeThatLeavesWhileItWorks) {
  const auto client = Join();
  const std::string id = Push(Nodes(1).at(0), Model({{"w", Floats({1})}}));
  ASSERT_TRUE(client->Receive().has_value());
  client->Cancel();
  const Message reply = Reply(id);
  ASSERT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error().code, static_cast<std::int64_t>(ErrorCode::kNodeUnavailable));
}

TEST_F(ClassicStreamTrouble, SurvivesAnswersBeforeTheInstructionHasArrivedWhole) {
  const auto client = Join();
  // More than the windows of HTTP/2 let through while the client does not read.
  const std::string id =
      Push(Nodes(1).at(0), Model({{"w", Floats(std::vector<float>(std::size_t{8} << 20))}}));
  client->Send(FitAnswer({{1}}, 1));
  // Either it came too early, or it is taken for the answer.
  while (client->Receive()) client->Cancel();
  const Message reply = Reply(id);
  EXPECT_TRUE(reply.has_error() || reply.has_content());
}

TEST_F(ClassicStreamTrouble, BoundsMessagesInBothDirections) {
  options_.max_classic_message_bytes = 100'000;
  Start();
  const auto client = Join();
  const std::uint64_t node = Nodes(1).at(0);
  const std::vector<float> large(30'000);
  const Message reply = Reply(Push(node, Model({{"w", Floats(large)}})));
  EXPECT_NE(reply.error().reason.find("the classic stream allows 100000"), std::string::npos);

  const std::string id = Push(node, Model({{"w", Floats({1})}}));
  ASSERT_TRUE(client->Receive().has_value());
  client->Send(FitAnswer({large}, 1));
  EXPECT_THAT(client->Result(), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_TRUE(Reply(id).has_error());
}

}  // namespace
}  // namespace flwrcpp
