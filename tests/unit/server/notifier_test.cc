// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/notifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace flwrcpp::internal {
namespace {

TEST(Notifier, CallsWhoSubscribedToTheKeyAndNobodyElse) {
  Notifier notifier;
  int first = 0;
  int second = 0;
  int other = 0;
  const auto a = notifier.Subscribe({Topic::kInstructions, 7}, [&] { ++first; });
  const auto b = notifier.Subscribe({Topic::kInstructions, 7}, [&] { ++second; });
  const auto c = notifier.Subscribe({Topic::kReplies, 7}, [&] { ++other; });

  notifier.Notify({Topic::kInstructions, 7});

  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(other, 0);
}

TEST(Notifier, ForgetsSubscriptionsThatEnd) {
  Notifier notifier;
  int calls = 0;
  auto subscription = notifier.Subscribe({Topic::kNodes, 0}, [&] { ++calls; });

  subscription = Notifier::Subscription();
  notifier.Notify({Topic::kNodes, 0});

  EXPECT_EQ(calls, 0);
}

TEST(Notifier, KeepsASubscriptionThatIsMoved) {
  Notifier notifier;
  int calls = 0;
  auto subscription = notifier.Subscribe({Topic::kNodes, 0}, [&] { ++calls; });

  const auto moved = std::move(subscription);
  notifier.Notify({Topic::kNodes, 0});

  EXPECT_EQ(calls, 1);
}

TEST(Notifier, NotifiesEverybodyWhateverTheyWaitFor) {
  Notifier notifier;
  int calls = 0;
  const auto a = notifier.Subscribe({Topic::kInstructions, 7}, [&] { ++calls; });
  const auto b = notifier.Subscribe({Topic::kReplies, 8}, [&] { ++calls; });

  notifier.NotifyAll();

  EXPECT_EQ(calls, 2);
}

TEST(Notifier, RunsNoCallbackAfterASubscriptionHasEndedInAnotherThread) {
  Notifier notifier;
  std::atomic<bool> stop = false;
  std::thread notifying([&] {
    while (!stop) notifier.Notify({Topic::kNodes, 0});
  });
  for (int i = 0; i < 2000; ++i) {
    // A callback after the end would write to a vector that is gone.
    std::vector<int> target(1);
    const auto subscription = notifier.Subscribe({Topic::kNodes, 0}, [&] { ++target[0]; });
  }
  stop = true;
  notifying.join();
}

}  // namespace
}  // namespace flwrcpp::internal
