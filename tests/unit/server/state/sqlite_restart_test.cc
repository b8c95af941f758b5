// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/server/state/sqlite_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What executors and runs rely on when the SuperLink is started again.
class SqliteRestartTest : public SqliteTest {
 protected:
  ClaimedRun NewClaim(double now = kNow) {
    EXPECT_THAT(links().CreateRun(NewRun(), now), IsOk());
    const std::vector<std::string> types = {"flwr-serverapp"};
    auto claimed = links().ClaimRun(types, now);
    EXPECT_THAT(claimed, IsOk());
    return claimed.ok() ? std::move(*claimed).value_or(ClaimedRun()) : ClaimedRun();
  }
};
FLWRCPP_FOR_SQLITE_STATE(SqliteRestartTest);

TEST_P(SqliteRestartTest, AClaimHoldsOnWhileItsTimeIsNotUp) {
  const ClaimedRun starting = NewClaim();
  const ClaimedRun running = NewClaim();
  ASSERT_THAT(links().StartClaimedRun(running.token, kNow), IsOk());

  Reopen();

  EXPECT_TRUE(links().GetRun(starting.run.run_id)->is_claimed);
  EXPECT_EQ(links().FindClaimedRun(starting.token, kNow + 29)->run_id, starting.run.run_id);
  EXPECT_THAT(links().StartClaimedRun(starting.token, kNow + 29), IsOk());
  EXPECT_THAT(links().RenewClaim(running.token, kNow + 59), IsOk());
  EXPECT_THAT(*links().ExpireClaims(kNow + 88), IsEmpty());
  EXPECT_THAT(*links().ExpireClaims(kNow + 89), ElementsAre(starting.run.run_id));
}

TEST_P(SqliteRestartTest, AClaimLapsesWhileTheSuperLinkIsDown) {
  const ClaimedRun starting = NewClaim();
  const ClaimedRun running = NewClaim();
  ASSERT_THAT(links().StartClaimedRun(running.token, kNow), IsOk());

  Reopen();

  EXPECT_THAT(links().FindClaimedRun(running.token, kNow + 600), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(*links().ExpireClaims(kNow + 600), ElementsAre(running.run.run_id));
  EXPECT_EQ(links().GetRun(running.run.run_id)->finished_at, kNow + 60);
  EXPECT_EQ(*links().GetRunStatus(starting.run.run_id), RunStatus::kPending);
}

TEST_P(SqliteRestartTest, AnEndedClaimStaysEnded) {
  const ClaimedRun claimed = NewClaim();
  ASSERT_THAT(links().FinishRun(claimed.run.run_id, "stopped", "", kNow + 1), IsOk());

  Reopen();

  EXPECT_THAT(links().FindClaimedRun(claimed.token, kNow + 1), StatusIs(StatusCode::kNotFound));
}

TEST_P(SqliteRestartTest, TheArchiveIsThereAgain) {
  const Bytes fab(std::string(3 << 20, 'f'));
  ASSERT_THAT(archive().StoreFab(Id("fab"), fab), IsOk());
  ASSERT_THAT(archive().AppendLog(1, "a", kNow), IsOk());
  ASSERT_THAT(archive().AppendLog(1, "b", kNow), IsOk());
  ASSERT_THAT(archive().StoreContext(7, std::string("\0\xff", 2)), IsOk());
  ASSERT_THAT(archive().UseNonce("nonce", kNow + 305, kNow), IsOk());

  Reopen();

  ASSERT_THAT(archive().GetFab(Id("fab")), IsOk());
  EXPECT_TRUE(*archive().GetFab(Id("fab")) == fab);
  const double latest = archive().ReadLog(1, 0)->latest_timestamp;
  EXPECT_EQ(archive().ReadLog(1, 0)->text, "ab");
  EXPECT_EQ(archive().ReadLog(1, kNow)->text, "b");
  EXPECT_EQ(*archive().GetContext(7), std::string("\0\xff", 2));
  EXPECT_THAT(archive().UseNonce("nonce", kNow + 305, kNow), StatusIs(StatusCode::kAlreadyExists));

  ASSERT_THAT(archive().AppendLog(1, "c", kNow), IsOk());
  EXPECT_EQ(archive().ReadLog(1, latest)->text, "c");
}

TEST_P(SqliteRestartTest, ALogThatIsFullStaysFull) {
  ASSERT_THAT(archive().AppendLog(1, std::string(kMaxLogBytes + 1, 'x'), kNow), IsOk());
  const std::string note = archive().ReadLog(1, 0)->text;

  Reopen();

  ASSERT_THAT(archive().AppendLog(1, "more", kNow + 1), IsOk());
  EXPECT_EQ(archive().ReadLog(1, 0)->text, note);
}

TEST_P(SqliteRestartTest, TheLogOfAFinishedRunStays) {
  const std::uint64_t run_id = RunningRun();
  ASSERT_THAT(archive().AppendLog(run_id, "a", kNow), IsOk());
  ASSERT_THAT(links().FinishRun(run_id, "completed", "", kNow), IsOk());

  Reopen();

  EXPECT_EQ(archive().ReadLog(run_id, 0)->text, "a");
}

TEST_P(SqliteRestartTest, ClaimsAndArchiveSurviveAKill) {
  const ClaimedRun claimed = NewClaim();
  ASSERT_THAT(links().StartClaimedRun(claimed.token, kNow), IsOk());
  ASSERT_THAT(archive().StoreFab(Id("fab"), Bytes(std::string("fab"))), IsOk());
  ASSERT_THAT(archive().AppendLog(claimed.run.run_id, "log", kNow), IsOk());
  ASSERT_THAT(archive().StoreContext(7, "context"), IsOk());
  ASSERT_THAT(archive().UseNonce("nonce", kNow + 305, kNow), IsOk());

  ReopenAsAfterAKill();

  ASSERT_THAT(links().FindClaimedRun(claimed.token, kNow + 59), IsOk());
  EXPECT_EQ(links().FindClaimedRun(claimed.token, kNow + 59)->status(), RunStatus::kRunning);
  EXPECT_EQ(archive().GetFab(Id("fab"))->view(), "fab");
  EXPECT_EQ(archive().ReadLog(claimed.run.run_id, 0)->text, "log");
  EXPECT_EQ(*archive().GetContext(7), "context");
  EXPECT_THAT(archive().UseNonce("nonce", kNow + 305, kNow), StatusIs(StatusCode::kAlreadyExists));
}

}  // namespace
}  // namespace flwrcpp::internal
