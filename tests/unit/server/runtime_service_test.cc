// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/runtime_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/runtime_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;

class RuntimeServiceTest : public RuntimeFixture {};

TEST_P(RuntimeServiceTest, AClaimTakesTheOldestRunOfAKnownType) {
  EXPECT_EQ(Claim().ByteSizeLong(), 0u);
  const RunInfo first = CreateRun();
  now_ += 1;
  const RunInfo second = CreateRun();
  EXPECT_EQ(Claim("flwr-simulation").ByteSizeLong(), 0u);

  const auto claimed = Claim();

  EXPECT_EQ(claimed.token().size(), 256u);
  EXPECT_EQ(claimed.task().run_id(), first.run_id);
  EXPECT_EQ(claimed.task().task_id(), first.primary_task_id);
  EXPECT_EQ(claimed.task().type(), kServerApp);
  EXPECT_EQ(claimed.task().status().status(), "pending") << "as it was before the claim";
  EXPECT_EQ(Claim().task().run_id(), second.run_id);
  EXPECT_EQ(Claim().ByteSizeLong(), 0u);
  EXPECT_THAT(runtime_->FindRun("no token"), kDeadToken);
  EXPECT_THAT(runtime_->FindRun(""), kDeadToken);
}

TEST_P(RuntimeServiceTest, InputIsAllThatAServerAppNeedsToStart) {
  const RunInfo run = CreateRun();
  const std::string token = Claim().token();

  const auto input = runtime_->PullTaskInput(token);

  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->task_id(), run.primary_task_id);
  EXPECT_EQ(input->fab().content(), "the fab");
  EXPECT_EQ(input->fab().hash_str(), "hash");
  EXPECT_EQ(input->run().run_id(), run.run_id);
  EXPECT_EQ(input->run().fab_id(), "acme/app");
  EXPECT_EQ(input->run().override_config().at("learning-rate").double_(), 0.5);
  EXPECT_EQ(input->run().status().status(), "starting") << "as it was before";
  EXPECT_EQ(input->context().run_id(), run.run_id);
  EXPECT_EQ(input->context().node_id(), 1u);
  EXPECT_EQ(input->context().series_id(), run.series_id);
  EXPECT_TRUE(input->context().has_state());
  EXPECT_EQ(input->context().state().items_size(), 0);
  EXPECT_EQ(Stored(run).status(), RunStatus::kRunning);
  EXPECT_THAT(runtime_->PullTaskInput(token), IsApiError(ApiErrorCode::kTaskStartFailed));
  EXPECT_THAT(runtime_->PullTaskInput("no token"), kDeadToken);
}

TEST_P(RuntimeServiceTest, ARunWithoutItsFabDoesNotStartAndCanBeClaimedAgain) {
  const RunInfo run = CreateRun(0, "lost");
  const std::string token = Claim().token();

  EXPECT_THAT(runtime_->PullTaskInput(token), IsApiError(ApiErrorCode::kFabNotFound));

  EXPECT_EQ(Stored(run).status(), RunStatus::kStarting);
  now_ += 31;
  const std::string next = Claim().token();
  ASSERT_FALSE(next.empty());
  EXPECT_NE(next, token);
  EXPECT_THAT(runtime_->PullTaskInput(token), kDeadToken);
  ASSERT_THAT(StoreFab("lost"), IsOk());
  EXPECT_THAT(runtime_->PullTaskInput(next), IsOk());
}

TEST_P(RuntimeServiceTest, HeartbeatsKeepARunAndItFailsWithoutThem) {
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  now_ += 59;
  const auto heartbeat = runtime_->SendTaskHeartbeat(token);
  ASSERT_THAT(heartbeat, IsOk());
  EXPECT_TRUE(heartbeat->success());
  now_ += 59;
  EXPECT_THAT(runtime_->FindRun(token), IsOk());

  now_ += 2;

  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_EQ(Stored(run).sub_status, "failed");
}

TEST_P(RuntimeServiceTest, TellsOfNodesThatAreOnline) {
  const std::uint64_t here = OnlineNode("here");
  ASSERT_THAT(service_->DeactivateNode(OnlineNode("gone")), IsOk());

  const auto response = runtime_->GetNodes();

  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->nodes_size(), 1);
  EXPECT_EQ(response->nodes(0).node_id(), here);
  EXPECT_EQ(response->nodes(0).status(), "online");
}

TEST_P(RuntimeServiceTest, ARunEndsOnceAndOnlyAsRunsDo) {
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  const auto output = [&](const std::string& sub_status) {
    flwr::proto::PushTaskOutputRequest request;
    request.set_sub_status(sub_status);
    (*request.mutable_context()->mutable_run_config())["by"].set_string(sub_status);
    EXPECT_THAT(runtime_->PushTaskOutput(run, request), IsOk());
  };
  const auto kept_context = [&] {
    flwr::proto::Context context;
    const auto kept = state_.run_archive->GetContext(run.series_id);
    EXPECT_TRUE(!kept.ok() || context.ParseFromString(*kept));
    return context.run_config().contains("by") ? context.run_config().at("by").string() : "none";
  };

  for (const char* word : {"", "done", "Completed", "running"}) {
    output(word);
    EXPECT_EQ(Stored(run).status(), RunStatus::kRunning) << word;
    EXPECT_EQ(kept_context(), "none") << word;
    EXPECT_THAT(runtime_->FindRun(token), IsOk());
  }
  output("completed");
  output("failed");

  EXPECT_EQ(Stored(run).sub_status, "completed");
  EXPECT_EQ(kept_context(), "completed");
  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
}

TEST_P(RuntimeServiceTest, TheNextRunOfASeriesGoesOnWithItsContext) {
  const RunInfo first = RunOf(StartApp());
  flwr::proto::PushTaskOutputRequest output;
  output.set_sub_status("completed");
  flwr::proto::Context& context = *output.mutable_context();
  context.set_run_id(first.run_id);
  context.set_node_id(1);
  flwr::proto::RecordDict::Item& item = *context.mutable_state()->add_items();
  item.set_key("kept");
  item.mutable_config_record();
  EXPECT_THAT(runtime_->PushTaskOutput(first, output), IsOk());

  const RunInfo second = CreateRun(first.series_id);
  const auto input = runtime_->PullTaskInput(Claim().token());

  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->context().run_id(), second.run_id);
  EXPECT_EQ(input->context().series_id(), first.series_id);
  ASSERT_EQ(input->context().state().items_size(), 1);
  EXPECT_EQ(input->context().state().items(0).key(), "kept");
  CreateRun();  // of a series of its own
  EXPECT_EQ(runtime_->PullTaskInput(Claim().token())->context().state().items_size(), 0);
}

TEST_P(RuntimeServiceTest, StoppingARunEndsItsToken) {
  const std::uint64_t node_id = OnlineNode("key");
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  PushOne(run, node_id);

  ASSERT_THAT(runs_->Finish(run.run_id, "stopped", ""), IsOk());

  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
  FinishAs(run, "completed");
  EXPECT_EQ(Stored(run).sub_status, "stopped");
}

TEST_P(RuntimeServiceTest, LogsOfAServerAppAreOfItsRun) {
  const RunInfo run = RunOf(StartApp());
  flwr::proto::PushLogsRequest request;
  request.set_run_id(run.run_id + 1);  // not trusted
  request.add_logs("one\n");
  request.add_logs("two\n");

  EXPECT_THAT(runtime_->PushLogs(run, request), IsOk());

  EXPECT_EQ(state_.run_archive->ReadLog(run.run_id, 0)->text, "one\ntwo\n");
}

FLWRCPP_FOR_BOTH_STATES(RuntimeServiceTest);

}  // namespace
}  // namespace flwrcpp::internal
