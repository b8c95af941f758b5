// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::UnorderedElementsAre;

constexpr char kServerApp[] = "flwr-serverapp";
constexpr char kSimulation[] = "flwr-simulation";

class ClaimsTest : public StateTest {
 protected:
  std::uint64_t Create(const std::string& task_type = kServerApp, double now = kNow) {
    NewRun run;
    run.primary_task_type = task_type;
    const StatusOr<RunInfo> made = links().CreateRun(run, now);
    EXPECT_THAT(made, IsOk());
    return made.ok() ? made->run_id : 0;
  }
  RunInfo Get(std::uint64_t run_id) {
    const StatusOr<RunInfo> run = links().GetRun(run_id);
    EXPECT_THAT(run, IsOk());
    return run.value_or(RunInfo());
  }
  std::optional<ClaimedRun> TryClaim(double now = kNow,
                                     const std::vector<std::string>& types = {kServerApp}) {
    StatusOr<std::optional<ClaimedRun>> claimed = links().ClaimRun(types, now);
    EXPECT_THAT(claimed, IsOk());
    return claimed.ok() ? *std::move(claimed) : std::nullopt;
  }
  /// Of a run that must be there.
  ClaimedRun Claim(double now = kNow, const std::vector<std::string>& types = {kServerApp}) {
    std::optional<ClaimedRun> claimed = TryClaim(now, types);
    EXPECT_TRUE(claimed.has_value());
    return std::move(claimed).value_or(ClaimedRun());
  }
  /// Id of the run that is claimed; 0 for none.
  std::uint64_t ClaimedId(const std::vector<std::string>& types) {
    const std::optional<ClaimedRun> claimed = TryClaim(kNow, types);
    return claimed.has_value() ? claimed->run.run_id : 0;
  }
  std::vector<std::uint64_t> Expire(double now) {
    StatusOr<std::vector<std::uint64_t>> failed = links().ExpireClaims(now);
    EXPECT_THAT(failed, IsOk());
    return failed.ok() ? *std::move(failed) : std::vector<std::uint64_t>();
  }
  void ExpectDead(const std::string& token, double now) {
    EXPECT_THAT(links().FindClaimedRun(token, now), StatusIs(StatusCode::kNotFound, "token"));
    EXPECT_THAT(links().StartClaimedRun(token, now), StatusIs(StatusCode::kNotFound, "token"));
    EXPECT_THAT(links().RenewClaim(token, now), StatusIs(StatusCode::kNotFound, "token"));
  }
};
FLWRCPP_FOR_EACH_STATE(ClaimsTest);

TEST_P(ClaimsTest, AClaimGivesTheRunAsItWasAndItsToken) {
  NewRun asked;
  asked.override_config.Set("lr", 0.5);
  asked.fab_hash = Id("fab");
  const RunInfo made = *links().CreateRun(asked, kNow);

  const ClaimedRun claimed = Claim(kNow + 5);

  EXPECT_EQ(claimed.run.run_id, made.run_id);
  EXPECT_EQ(claimed.run.primary_task_id, made.primary_task_id);
  EXPECT_EQ(claimed.run.override_config, asked.override_config);
  EXPECT_EQ(claimed.run.fab_hash, asked.fab_hash);
  EXPECT_EQ(claimed.run.status(), RunStatus::kPending);
  EXPECT_FALSE(claimed.run.is_claimed);
  const RunInfo after = Get(made.run_id);
  EXPECT_EQ(after.status(), RunStatus::kStarting);
  EXPECT_EQ(after.starting_at, kNow + 5);
  EXPECT_TRUE(after.is_claimed);
  EXPECT_TRUE(links().ListRuns({})->at(0).is_claimed);
  const StatusOr<RunInfo> found = links().FindClaimedRun(claimed.token, kNow + 5);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->run_id, made.run_id);
  EXPECT_TRUE(found->is_claimed);
}

TEST_P(ClaimsTest, ATokenHas256LowerCaseHexDigitsAndDiffersFromAllOthers) {
  Create();
  Create();

  const ClaimedRun a = Claim();
  const ClaimedRun b = Claim();

  for (const std::string& token : {a.token, b.token}) {
    EXPECT_EQ(token.size(), 256);
    EXPECT_THAT(token, MatchesRegex("[0-9a-f]+"));
  }
  EXPECT_NE(a.token, b.token);
  EXPECT_EQ(links().FindClaimedRun(a.token, kNow)->run_id, a.run.run_id);
  EXPECT_EQ(links().FindClaimedRun(b.token, kNow)->run_id, b.run.run_id);
}

TEST_P(ClaimsTest, TheOldestPendingRunIsClaimedFirst) {
  const std::uint64_t finished = Create();
  const std::uint64_t started = Create();
  const std::uint64_t a = Create();
  const std::uint64_t b = Create();
  const std::uint64_t c = Create();
  ASSERT_THAT(links().FinishRun(finished, "stopped", "", kNow), IsOk());
  ASSERT_THAT(links().MarkRunStarting(started, kNow), IsOk());

  EXPECT_EQ(ClaimedId({kServerApp}), a);
  EXPECT_EQ(ClaimedId({kServerApp}), b);
  EXPECT_EQ(ClaimedId({kServerApp}), c);
  EXPECT_EQ(ClaimedId({kServerApp}), 0);
}

TEST_P(ClaimsTest, OnlyRunsOfWantedTypesAreClaimed) {
  const std::uint64_t simulation = Create(kSimulation);
  const std::uint64_t app = Create(kServerApp);
  const std::uint64_t other_simulation = Create(kSimulation);

  EXPECT_EQ(ClaimedId({}), 0);
  EXPECT_EQ(ClaimedId({"flwr-model", ""}), 0);
  EXPECT_EQ(ClaimedId({"flwr-model", kServerApp}), app);
  EXPECT_EQ(ClaimedId({kServerApp}), 0);
  EXPECT_EQ(ClaimedId({kServerApp, kSimulation}), simulation);
  EXPECT_EQ(ClaimedId({kSimulation, kServerApp}), other_simulation);
}

TEST_P(ClaimsTest, OfSeveralWantedTypesTheOldestRunIsClaimedFirst) {
  const std::uint64_t a = Create(kSimulation);
  const std::uint64_t b = Create(kServerApp);
  const std::uint64_t c = Create(kSimulation);

  EXPECT_EQ(ClaimedId({kServerApp, kSimulation}), a);
  EXPECT_EQ(ClaimedId({kServerApp, kSimulation}), b);
  EXPECT_EQ(ClaimedId({kServerApp, kSimulation}), c);
}

TEST_P(ClaimsTest, ClaimersAtTheSameTimeNeverGetTheSameRun) {
  constexpr int kRuns = 60;
  constexpr int kClaimers = 4;
  for (int i = 0; i < kRuns; ++i) Create();
  std::mutex mutex;
  std::multiset<std::uint64_t> runs;
  std::set<std::string> tokens;

  std::vector<std::thread> claimers;
  for (int i = 0; i < kClaimers; ++i) {
    claimers.emplace_back([&] {
      while (const std::optional<ClaimedRun> claimed = TryClaim()) {
        const std::lock_guard lock(mutex);
        runs.insert(claimed->run.run_id);
        tokens.insert(claimed->token);
      }
    });
  }
  for (std::thread& claimer : claimers) claimer.join();

  EXPECT_EQ(runs.size(), kRuns);
  EXPECT_EQ(std::set<std::uint64_t>(runs.begin(), runs.end()).size(), kRuns);
  EXPECT_EQ(tokens.size(), kRuns);
}

TEST_P(ClaimsTest, AClaimThatIsNotStartedLapsesAfterThirtySeconds) {
  const std::uint64_t run_id = Create();
  const ClaimedRun first = Claim();

  EXPECT_THAT(Expire(kNow + 29.999), IsEmpty());
  EXPECT_THAT(links().FindClaimedRun(first.token, kNow + 29.999), IsOk());
  EXPECT_EQ(Get(run_id).status(), RunStatus::kStarting);
  EXPECT_FALSE(TryClaim(kNow + 29.999).has_value());

  EXPECT_THAT(Expire(kNow + 30), IsEmpty());
  EXPECT_EQ(Get(run_id).status(), RunStatus::kPending);
  EXPECT_EQ(Get(run_id).pending_at, kNow);
  EXPECT_FALSE(Get(run_id).is_claimed);
  ExpectDead(first.token, kNow + 30);

  const ClaimedRun second = Claim(kNow + 31);
  EXPECT_EQ(second.run.run_id, run_id);
  EXPECT_NE(second.token, first.token);
  EXPECT_EQ(Get(run_id).starting_at, kNow + 31);
  ExpectDead(first.token, kNow + 31);
  EXPECT_THAT(links().StartClaimedRun(second.token, kNow + 32), IsOk());
}

TEST_P(ClaimsTest, ATokenIsDeadWhenItsTimeIsUpEvenBeforeClaimsAreExpired) {
  const std::uint64_t run_id = Create();
  const ClaimedRun claimed = Claim();

  ExpectDead(claimed.token, kNow + 30);

  EXPECT_EQ(Get(run_id).running_at, 0);
}

TEST_P(ClaimsTest, AnUnknownTokenIsNotFound) {
  Create();
  Create();
  const std::string token = Claim().token;

  ExpectDead("", kNow);
  ExpectDead(std::string(256, '0'), kNow);
  ExpectDead(token.substr(0, 255), kNow);
  ExpectDead(token + "0", kNow);
}

TEST_P(ClaimsTest, AClaimedRunStartsOnce) {
  const std::uint64_t run_id = Create();
  const std::string token = Claim().token;

  const StatusOr<RunInfo> before = links().StartClaimedRun(token, kNow + 3);
  const StatusOr<RunInfo> again = links().StartClaimedRun(token, kNow + 4);

  ASSERT_THAT(before, IsOk());
  EXPECT_EQ(before->run_id, run_id);
  EXPECT_EQ(before->status(), RunStatus::kStarting);
  EXPECT_THAT(again, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Get(run_id).status(), RunStatus::kRunning);
  EXPECT_EQ(Get(run_id).running_at, kNow + 3);
  EXPECT_TRUE(Get(run_id).is_claimed);
  // The second try was no sign of life.
  EXPECT_THAT(Expire(kNow + 63), ElementsAre(run_id));
}

TEST_P(ClaimsTest, AStartedRunWithoutSignsOfLifeFailsAfterSixtySeconds) {
  const std::uint64_t run_id = Create();
  const std::string token = Claim().token;
  ASSERT_THAT(links().StartClaimedRun(token, kNow + 10), IsOk());

  EXPECT_THAT(Expire(kNow + 69.999), IsEmpty());
  EXPECT_EQ(Get(run_id).status(), RunStatus::kRunning);
  EXPECT_THAT(Expire(kNow + 500), ElementsAre(run_id));

  const RunInfo run = Get(run_id);
  EXPECT_EQ(run.status(), RunStatus::kFinished);
  EXPECT_EQ(run.finished_at, kNow + 70);
  EXPECT_EQ(run.sub_status, "failed");
  EXPECT_THAT(run.details, HasSubstr("no heartbeat"));
  EXPECT_FALSE(run.is_claimed);
  ExpectDead(token, kNow + 20);
  EXPECT_THAT(Expire(kNow + 501), IsEmpty());
  EXPECT_FALSE(TryClaim(kNow + 501).has_value());
}

TEST_P(ClaimsTest, ARenewedClaimHoldsForSixtySecondsMore) {
  const std::uint64_t run_id = Create();
  const std::string token = Claim().token;
  ASSERT_THAT(links().StartClaimedRun(token, kNow + 10), IsOk());
  ASSERT_THAT(links().RenewClaim(token, kNow + 50), IsOk());

  EXPECT_THAT(Expire(kNow + 109.999), IsEmpty());
  EXPECT_THAT(links().FindClaimedRun(token, kNow + 109.999), IsOk());
  EXPECT_THAT(Expire(kNow + 110), ElementsAre(run_id));
  EXPECT_EQ(Get(run_id).finished_at, kNow + 110);
}

TEST_P(ClaimsTest, AClaimRenewedBeforeTheStartEndsWithThePendingRun) {
  const std::uint64_t run_id = Create();
  const std::string token = Claim().token;
  ASSERT_THAT(links().RenewClaim(token, kNow + 20), IsOk());

  EXPECT_THAT(Expire(kNow + 79.999), IsEmpty());
  EXPECT_EQ(Get(run_id).status(), RunStatus::kStarting);
  EXPECT_THAT(Expire(kNow + 80), IsEmpty());
  EXPECT_EQ(Get(run_id).status(), RunStatus::kPending);
}

TEST_P(ClaimsTest, AllClaimsWhoseTimeIsUpEndTogether) {
  std::vector<std::uint64_t> ids;
  std::vector<std::string> tokens;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(Create());
    tokens.push_back(Claim().token);
  }
  for (const int started : {0, 1, 2}) {
    ASSERT_THAT(links().StartClaimedRun(tokens[started], kNow), IsOk());
  }
  ASSERT_THAT(links().RenewClaim(tokens[1], kNow + 1), IsOk());

  EXPECT_THAT(Expire(kNow + 60), UnorderedElementsAre(ids[0], ids[2]));

  EXPECT_EQ(Get(ids[1]).status(), RunStatus::kRunning);
  EXPECT_THAT(links().FindClaimedRun(tokens[1], kNow + 60), IsOk());
  EXPECT_EQ(Claim(kNow + 60).run.run_id, ids[3]);
  EXPECT_EQ(Claim(kNow + 60).run.run_id, ids[4]);
}

TEST_P(ClaimsTest, FinishingARunEndsItsClaim) {
  const std::uint64_t starting = Create();
  const std::string of_starting = Claim().token;
  const std::uint64_t running = Create();
  const std::string of_running = Claim().token;
  ASSERT_THAT(links().StartClaimedRun(of_running, kNow), IsOk());

  ASSERT_THAT(links().FinishRun(starting, "stopped", "by hand", kNow + 1), IsOk());
  ASSERT_THAT(links().FinishRun(running, "completed", "", kNow + 2), IsOk());

  ExpectDead(of_starting, kNow + 2);
  ExpectDead(of_running, kNow + 2);
  EXPECT_FALSE(Get(starting).is_claimed);
  EXPECT_FALSE(Get(running).is_claimed);
  EXPECT_THAT(Expire(kNow + 1000), IsEmpty());
  EXPECT_EQ(Get(starting).details, "by hand");
  EXPECT_EQ(Get(running).sub_status, "completed");
  EXPECT_EQ(Get(running).finished_at, kNow + 2);
}

TEST_P(ClaimsTest, ARunThatWasStartedInProcessNeverLapses) {
  const std::uint64_t starting = Create();
  ASSERT_THAT(links().MarkRunStarting(starting, kNow), IsOk());
  const std::uint64_t running = RunningRun();

  EXPECT_THAT(Expire(kNow + 1e6), IsEmpty());

  EXPECT_EQ(Get(starting).status(), RunStatus::kStarting);
  EXPECT_EQ(Get(running).status(), RunStatus::kRunning);
  EXPECT_FALSE(Get(running).is_claimed);
}

}  // namespace
}  // namespace flwrcpp::internal
