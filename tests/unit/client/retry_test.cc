// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::FakeClock;
using ::testing::ElementsAre;

const Status kFailure(StatusCode::kUnavailable, "no answer");

TEST(Backoff, PausesDoubleUpToTwentySecondsAndAreHalvedByChance) {
  FakeClock clock;  // chance is always 0.5
  const RetryPolicy policy;
  Backoff backoff(policy, clock);

  for (int i = 0; i < 7; ++i) EXPECT_TRUE(backoff.Wait(kFailure, {}));

  EXPECT_THAT(clock.sleeps(), ElementsAre(0.5, 1, 2, 4, 8, 10, 10));
}

TEST(Backoff, GivesUpAfterTheGivenNumberOfRetries) {
  FakeClock clock;
  const RetryPolicy policy{2, std::nullopt};
  Backoff backoff(policy, clock);

  EXPECT_TRUE(backoff.Wait(kFailure, {}));
  EXPECT_TRUE(backoff.Wait(kFailure, {}));
  EXPECT_FALSE(backoff.Wait(kFailure, {}));
}

TEST(Backoff, GivesUpAfterTheGivenTimeAndDoesNotSleepPastIt) {
  FakeClock clock;
  const RetryPolicy policy{std::nullopt, 2.0};
  Backoff backoff(policy, clock);

  EXPECT_TRUE(backoff.Wait(kFailure, {}));
  EXPECT_TRUE(backoff.Wait(kFailure, {}));
  EXPECT_TRUE(backoff.Wait(kFailure, {}));
  EXPECT_FALSE(backoff.Wait(kFailure, {}));

  EXPECT_THAT(clock.sleeps(), ElementsAre(0.5, 1, 0.5));
}

TEST(Backoff, DoesNotWaitOnceStopIsRequested) {
  FakeClock clock;
  const RetryPolicy policy;
  Backoff backoff(policy, clock);
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(backoff.Wait(kFailure, stop.get_token()));
  EXPECT_TRUE(clock.sleeps().empty());
}

TEST(SystemClock, ASleepEndsWhenStopIsRequested) {
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(Clock::System().Sleep(1e30, stop.get_token()));
}

}  // namespace
}  // namespace flwrcpp::internal
