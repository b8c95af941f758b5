// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <limits>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

class RunsTest : public StateTest {
 protected:
  std::uint64_t Create(double now = kNow) {
    const StatusOr<RunInfo> run = links().CreateRun(NewRun(), now);
    EXPECT_THAT(run, IsOk());
    return run.ok() ? run->run_id : 0;
  }
  RunInfo Get(std::uint64_t run_id) {
    const StatusOr<RunInfo> run = links().GetRun(run_id);
    EXPECT_THAT(run, IsOk());
    return run.value_or(RunInfo());
  }
  std::vector<std::uint64_t> List(const RunFilter& filter) {
    std::vector<std::uint64_t> ids;
    const auto runs = links().ListRuns(filter);
    EXPECT_THAT(runs, IsOk());
    for (const RunInfo& run : *runs) ids.push_back(run.run_id);
    return ids;
  }
};
FLWRCPP_FOR_EACH_STATE(RunsTest);

TEST_P(RunsTest, ANewRunIsPendingWithWhatIsSaidOfIt) {
  NewRun asked;
  asked.override_config.Set("lr", 0.01);
  asked.override_config.Set("epochs", std::int64_t{-3});
  asked.override_config.Set("big", std::numeric_limits<std::uint64_t>::max());
  asked.override_config.Set("a", true);
  asked.override_config.Set("name", std::string("naïve \0 text", 13));
  asked.fab_id = "flwrlabs/quickstart";
  asked.fab_version = "1.0.0";
  asked.fab_hash = Id("fab");
  asked.account_id = "account";
  asked.account_name = "Ada";
  asked.series_id = 17;

  const StatusOr<RunInfo> made = links().CreateRun(asked, kNow);

  ASSERT_THAT(made, IsOk());
  const RunInfo run = Get(made->run_id);
  EXPECT_EQ(run.run_id, made->run_id);
  EXPECT_NE(run.primary_task_id, 0);
  EXPECT_EQ(run.primary_task_id, made->primary_task_id);
  EXPECT_EQ(run.status(), RunStatus::kPending);
  EXPECT_EQ(run.override_config, asked.override_config);
  EXPECT_EQ(run.fab_id, asked.fab_id);
  EXPECT_EQ(run.fab_version, asked.fab_version);
  EXPECT_EQ(run.fab_hash, asked.fab_hash);
  EXPECT_EQ(run.federation, "@none/default");
  EXPECT_EQ(run.account_id, "account");
  EXPECT_EQ(run.account_name, "Ada");
  EXPECT_EQ(run.series_id, 17);
  EXPECT_EQ(run.primary_task_type, "flwr-serverapp");
  EXPECT_EQ(run.pending_at, kNow);
  EXPECT_EQ(run.sub_status, "");
}

TEST_P(RunsTest, ARunWithoutSeriesBeginsOne) { EXPECT_NE(Get(Create()).series_id, 0); }

TEST_P(RunsTest, GoesThroughItsStatusesInOrder) {
  const std::uint64_t run_id = Create();

  EXPECT_THAT(links().MarkRunRunning(run_id, kNow + 1), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().MarkRunStarting(run_id, kNow + 1), IsOk());
  EXPECT_EQ(*links().GetRunStatus(run_id), RunStatus::kStarting);
  EXPECT_THAT(links().MarkRunStarting(run_id, kNow + 2), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().FinishRun(run_id, "completed", "", kNow + 2),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().MarkRunRunning(run_id, kNow + 2), IsOk());
  EXPECT_EQ(*links().GetRunStatus(run_id), RunStatus::kRunning);
  EXPECT_THAT(links().FinishRun(run_id, "completed", "all well", kNow + 3), IsOk());

  const RunInfo run = Get(run_id);
  EXPECT_EQ(run.status(), RunStatus::kFinished);
  EXPECT_EQ(*links().GetRunStatus(run_id), RunStatus::kFinished);
  EXPECT_EQ(run.sub_status, "completed");
  EXPECT_EQ(run.details, "all well");
  EXPECT_EQ(run.starting_at, kNow + 1);
  EXPECT_EQ(run.running_at, kNow + 2);
  EXPECT_EQ(run.finished_at, kNow + 3);
}

TEST_P(RunsTest, CanFailOrBeStoppedAtAnyTimeButOnce) {
  const std::uint64_t pending = Create();
  const std::uint64_t running = RunningRun();

  EXPECT_THAT(links().FinishRun(pending, "stopped", "", kNow), IsOk());
  EXPECT_THAT(links().FinishRun(running, "failed", "why", kNow), IsOk());

  EXPECT_THAT(links().FinishRun(running, "stopped", "", kNow),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().MarkRunStarting(pending, kNow), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Get(running).sub_status, "failed");
}

TEST_P(RunsTest, AnUnknownWayToFinishIsRefused) {
  const std::uint64_t run_id = RunningRun();

  EXPECT_THAT(links().FinishRun(run_id, "", "", kNow), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(links().FinishRun(run_id, "done", "", kNow), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(*links().GetRunStatus(run_id), RunStatus::kRunning);
}

TEST_P(RunsTest, AnUnknownRunIsNotFound) {
  EXPECT_THAT(links().GetRun(5), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().GetRunStatus(5), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().MarkRunStarting(5, kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().MarkRunRunning(5, kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().FinishRun(5, "failed", "", kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().AddTraffic(5, 1, 1), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().AddClientAppRuntime(5, 1), StatusIs(StatusCode::kNotFound));
}

TEST_P(RunsTest, CountsTrafficAndRuntime) {
  const std::uint64_t run_id = RunningRun();

  ASSERT_THAT(links().AddTraffic(run_id, 100, 7), IsOk());
  ASSERT_THAT(links().AddTraffic(run_id, std::uint64_t{5} << 40, 0), IsOk());
  ASSERT_THAT(links().AddClientAppRuntime(run_id, 1.5), IsOk());
  ASSERT_THAT(links().AddClientAppRuntime(run_id, 3), IsOk());
  for (const double seconds : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(links().AddClientAppRuntime(run_id, seconds),
                StatusIs(StatusCode::kInvalidArgument));
  }

  EXPECT_EQ(Get(run_id).bytes_sent, (std::uint64_t{5} << 40) + 100);
  EXPECT_EQ(Get(run_id).bytes_recv, 7);
  EXPECT_EQ(Get(run_id).clientapp_runtime, 4.5);
}

TEST_P(RunsTest, ListsNewestFirst) {
  const std::uint64_t a = Create();
  const std::uint64_t b = Create(kNow + 1);
  NewRun of_other;
  of_other.account_id = "other";
  const std::uint64_t c = links().CreateRun(of_other, kNow + 2)->run_id;
  ASSERT_THAT(links().FinishRun(b, "failed", "", kNow + 3), IsOk());

  EXPECT_THAT(List({}), ElementsAre(c, b, a));
  RunFilter of_none;
  of_none.account_id = kNoAccountId;
  EXPECT_THAT(List(of_none), ElementsAre(b, a));
  RunFilter unfinished;
  unfinished.unfinished_only = true;
  EXPECT_THAT(List(unfinished), ElementsAre(c, a));
  RunFilter second;
  second.limit = 1;
  second.skip = 1;
  EXPECT_THAT(List(second), ElementsAre(b));
  RunFilter after_two;
  after_two.skip = 2;
  EXPECT_THAT(List(after_two), ElementsAre(a));
}

}  // namespace
}  // namespace flwrcpp::internal
