// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "flwrcpp/server_app.h"
#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::testing::ElementsAre;
using testing::FakeGrid;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::StatusIs;
using testing::Weights;
using testing::WeightsOf;

RecordDict Parameters(ArrayRecord arrays, std::int64_t code) {
  RecordDict content;
  content.Set("getparametersres.parameters", std::move(arrays));
  content.Set("getparametersres.status",
              ConfigRecord{{"code", code}, {"message", std::string("not here")}});
  return content;
}

FakeGrid::Node Answer(RecordDict content) {
  return [content = std::move(content)](const Message& instruction) {
    return Message::ReplyTo(instruction, content);
  };
}

TEST(PullInitialArraysTest, AsksOneNodeInTheClassicWay) {
  FakeGrid grid;
  std::optional<Message> asked;
  const auto node = [&](const Message& instruction) {
    asked = instruction;
    return Message::ReplyTo(instruction, Parameters(Weights({1, 2}), 0));
  };
  grid.AddNode(1, node);
  grid.AddNode(2, node);

  const StatusOr<ArrayRecord> arrays = PullInitialArrays(grid, std::nullopt, {});

  ASSERT_THAT(arrays, IsOk());
  EXPECT_THAT(WeightsOf(*arrays), ElementsAre(1, 2));
  ASSERT_EQ(grid.sent.size(), 1);
  EXPECT_EQ(grid.sent[0].message_type, "get_parameters");
  EXPECT_EQ(grid.sent[0].group_id, "0");
  ASSERT_NE(asked->content().FindConfig("getparametersins.config"), nullptr);
  EXPECT_EQ(asked->content().size(), 1);
}

TEST(PullInitialArraysTest, WaitsForANode) {
  FakeGrid grid;
  grid.on_wait_for_nodes = [&] { grid.AddNode(1, Answer(Parameters(Weights({3}), 0))); };

  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, {}), IsOk());
}

TEST(PullInitialArraysTest, AModelWithoutParametersIsEmpty) {
  FakeGrid grid;
  ArrayRecord none;
  none.Set("_empty", Array());
  grid.AddNode(1, Answer(Parameters(none, 0)));

  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, {}).value(), IsEmpty());
}

TEST(PullInitialArraysTest, SaysWhyANodeHasNone) {
  FakeGrid grid;
  grid.AddNode(8, Answer(Parameters(Weights({1}), 2)));
  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, {}),
              StatusIs(StatusCode::kFailedPrecondition, "node 8 has no initial arrays: status 2"));

  grid.AddNode(8, [](const Message& instruction) {
    return Message::ErrorReplyTo(instruction, Error{2, "message-based"});
  });
  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, {}),
              StatusIs(StatusCode::kFailedPrecondition, "message-based"));

  grid.AddNode(8, Answer(RecordDict()));
  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, {}),
              StatusIs(StatusCode::kInvalidArgument, "getparametersres.parameters"));
}

TEST(PullInitialArraysTest, EndsWithTheTimeAndWithAStop) {
  FakeGrid grid;
  grid.AddNode(8, [](const Message&) { return std::optional<Message>(); });
  std::stop_source source;

  EXPECT_THAT(PullInitialArrays(grid, std::chrono::milliseconds(1), {}),
              StatusIs(StatusCode::kDeadlineExceeded, "node 8"));
  grid.on_pull = [&] { source.request_stop(); };
  EXPECT_THAT(PullInitialArrays(grid, std::nullopt, source.get_token()),
              StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace flwrcpp
