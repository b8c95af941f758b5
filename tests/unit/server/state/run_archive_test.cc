// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <thread>

#include "superlink/state/state_rules.h"
#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

// What readers add to the time of the last entry to ask for the next.
constexpr double kMicrosecond = 1e-6;
constexpr std::size_t kMebibyte = std::size_t{1} << 20;

class RunArchiveTest : public StateTest {
 protected:
  void Log(std::uint64_t run_id, const std::string& text, double now = kNow) {
    ASSERT_THAT(archive().AppendLog(run_id, text, now), IsOk());
  }
  LogPart Read(std::uint64_t run_id, double after = 0) {
    StatusOr<LogPart> part = archive().ReadLog(run_id, after);
    EXPECT_THAT(part, IsOk());
    return part.ok() ? *std::move(part) : LogPart();
  }
};
FLWRCPP_FOR_EACH_STATE(RunArchiveTest);

TEST_P(RunArchiveTest, AFabComesBackAsItWas) {
  const Bytes content(std::string("PK\0\xff\n", 5) + std::string(9 * kMebibyte, 'f'));
  ASSERT_THAT(archive().StoreFab(Id("fab"), content), IsOk());
  ASSERT_THAT(archive().StoreFab(Id("empty"), Bytes()), IsOk());

  ASSERT_THAT(archive().GetFab(Id("fab")), IsOk());
  EXPECT_TRUE(*archive().GetFab(Id("fab")) == content);
  ASSERT_THAT(archive().GetFab(Id("empty")), IsOk());
  EXPECT_EQ(archive().GetFab(Id("empty"))->view(), "");
}

TEST_P(RunArchiveTest, AFabMayBeStoredAgain) {
  const Bytes content(std::string("fab"));
  ASSERT_THAT(archive().StoreFab(Id("fab"), content), IsOk());

  EXPECT_THAT(archive().StoreFab(Id("fab"), content), IsOk());

  EXPECT_EQ(archive().GetFab(Id("fab"))->view(), "fab");
}

TEST_P(RunArchiveTest, AFabOfAnUnknownHashIsNotFound) {
  ASSERT_THAT(archive().StoreFab(Id("fab"), Bytes(std::string("fab"))), IsOk());

  EXPECT_THAT(archive().GetFab(Id("other")), StatusIs(StatusCode::kNotFound, Id("other")));
  EXPECT_THAT(archive().GetFab(""), StatusIs(StatusCode::kNotFound));
}

TEST_P(RunArchiveTest, ALogIsReadInOrderAsOneText) {
  Log(1, "first\n", kNow);
  Log(1, "sec", kNow + 1);
  Log(2, "of another run", kNow + 1);
  Log(1, "ond\n", kNow + 2);

  const LogPart all = Read(1);

  EXPECT_EQ(all.text, "first\nsecond\n");
  EXPECT_EQ(all.latest_timestamp, kNow + 2);
  EXPECT_EQ(Read(2).text, "of another run");
  EXPECT_EQ(Read(2).latest_timestamp, kNow + 1);
}

TEST_P(RunArchiveTest, ALogIsReadFromAMomentOn) {
  Log(1, "a", kNow);
  Log(1, "b", kNow + 1);
  Log(1, "c", kNow + 2);

  EXPECT_EQ(Read(1, kNow - 1).text, "abc");
  EXPECT_EQ(Read(1, kNow).text, "bc");
  EXPECT_EQ(Read(1, kNow + 1.5).text, "c");
  EXPECT_EQ(Read(1, kNow + 2).text, "");
}

TEST_P(RunArchiveTest, NothingNewIsAnEmptyPart) {
  EXPECT_EQ(Read(1).text, "");
  Log(1, "a");
  EXPECT_EQ(Read(1, kNow + 1).text, "");
  EXPECT_EQ(Read(5).text, "");
}

TEST_P(RunArchiveTest, AnEmptyTextIsNoEntry) {
  Log(1, "a", kNow);
  Log(1, "", kNow + 1);

  EXPECT_EQ(Read(1).latest_timestamp, kNow);
}

TEST_P(RunArchiveTest, ALogMayHoldAnyBytes) {
  const std::string text("\x1b[31mred\x1b[0m \0 \xff\xfe na\xc3\xafve\r\n", 26);
  Log(1, text);

  EXPECT_EQ(Read(1).text, text);
}

TEST_P(RunArchiveTest, AReaderWhoGoesOnAMicrosecondLaterMissesNothingOfTheSameMoment) {
  std::string expected;
  std::string seen;
  double after = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i) + "\n";
    Log(1, text, kNow);
    expected += text;
    const LogPart part = Read(1, after);
    EXPECT_EQ(part.text, text);
    EXPECT_GT(part.latest_timestamp, after);
    seen += part.text;
    after = part.latest_timestamp + kMicrosecond;
  }

  EXPECT_EQ(seen, expected);
  EXPECT_LT(after, kNow + 0.001);
}

TEST_P(RunArchiveTest, AClockThatGoesBackDoesNotChangeTheOrder) {
  Log(1, "a", kNow);
  Log(1, "b", kNow - 100);
  Log(1, "c", kNow - 50);

  EXPECT_EQ(Read(1).text, "abc");
  EXPECT_EQ(Read(1, kNow + kMicrosecond).text, "bc");
}

TEST_P(RunArchiveTest, ALongLogIsReadInPartsOfAboutFourMebibytes) {
  std::string expected;
  for (int i = 0; i < 26; ++i) {
    const std::string text(kMebibyte / 2 - 1000, static_cast<char>('a' + i));
    Log(1, text, kNow + i);
    expected += text;
  }

  std::string seen;
  double after = 0;
  int parts = 0;
  for (LogPart part = Read(1); !part.text.empty(); part = Read(1, after)) {
    EXPECT_LT(part.text.size(), 5 * kMebibyte);
    seen += part.text;
    after = part.latest_timestamp + kMicrosecond;
    ++parts;
  }

  EXPECT_TRUE(seen == expected);
  EXPECT_EQ(parts, 3);
}

TEST_P(RunArchiveTest, ALogIsKeptUpToItsBoundAndThenSaysOnceThatItIsFull) {
  const std::string text(4 * kMebibyte, 'x');
  for (std::size_t size = 0; size < kMaxLogBytes; size += text.size()) Log(1, text);
  Log(1, "too much");
  Log(1, "and more");
  Log(1, "and more");
  Log(2, "of another run");

  std::string seen;
  double after = 0;
  for (LogPart part = Read(1); !part.text.empty(); part = Read(1, after)) {
    seen += part.text;
    after = part.latest_timestamp;
  }

  ASSERT_EQ(seen.size(), kMaxLogBytes + kLogIsFull.size());
  EXPECT_EQ(seen.find_first_not_of('x'), kMaxLogBytes);
  EXPECT_TRUE(seen.ends_with(kLogIsFull));
  EXPECT_EQ(Read(2).text, "of another run");
}

TEST_P(RunArchiveTest, AnEntryThatIsLongerThanTheBoundIsLeftOut) {
  Log(1, "a");
  Log(1, std::string(kMaxLogBytes, 'x'));
  Log(1, "b");

  EXPECT_EQ(Read(1).text, "a" + std::string(kLogIsFull));
}

TEST_P(RunArchiveTest, EntriesOfSeveralThreadsAreAllThereInTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kEntries = 50;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEntries; ++i) {
        const std::string text(1, static_cast<char>('a' + thread));
        if (!archive().AppendLog(1, text + std::to_string(i) + ";", kNow).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  ASSERT_EQ(failures, 0);
  const std::string text = Read(1).text;
  for (int thread = 0; thread < kThreads; ++thread) {
    std::size_t position = 0;
    for (int i = 0; i < kEntries; ++i) {
      const std::string entry =
          std::string(1, static_cast<char>('a' + thread)) + std::to_string(i) + ";";
      position = text.find(entry, position);
      ASSERT_NE(position, std::string::npos) << entry;
    }
  }
}

TEST_P(RunArchiveTest, TheLastContextOfASeriesIsKept) {
  const std::string context("\x08\x01\0\xff", 4);
  const std::uint64_t large = ~std::uint64_t{0};
  ASSERT_THAT(archive().StoreContext(7, "old"), IsOk());
  ASSERT_THAT(archive().StoreContext(7, context), IsOk());
  ASSERT_THAT(archive().StoreContext(large, ""), IsOk());

  EXPECT_EQ(*archive().GetContext(7), context);
  ASSERT_THAT(archive().GetContext(large), IsOk());
  EXPECT_EQ(*archive().GetContext(large), "");
}

TEST_P(RunArchiveTest, AContextOfAnUnknownSeriesIsNotFound) {
  ASSERT_THAT(archive().StoreContext(7, "context"), IsOk());

  EXPECT_THAT(archive().GetContext(8), StatusIs(StatusCode::kNotFound, "8"));
}

TEST_P(RunArchiveTest, ANonceCanBeUsedOnce) {
  EXPECT_THAT(archive().UseNonce("a", kNow + 305, kNow), IsOk());
  EXPECT_THAT(archive().UseNonce("b", kNow + 305, kNow), IsOk());

  EXPECT_THAT(archive().UseNonce("a", kNow + 305, kNow), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(archive().UseNonce("b", kNow + 700, kNow + 304.9),
              StatusIs(StatusCode::kAlreadyExists));
}

TEST_P(RunArchiveTest, ANonceIsForgottenWhenItExpires) {
  ASSERT_THAT(archive().UseNonce("a", kNow + 305, kNow), IsOk());
  ASSERT_THAT(archive().UseNonce("b", kNow + 400, kNow), IsOk());

  EXPECT_THAT(archive().UseNonce("a", kNow + 700, kNow + 305), IsOk());

  EXPECT_THAT(archive().UseNonce("a", kNow + 700, kNow + 399),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(archive().UseNonce("b", kNow + 700, kNow + 399),
              StatusIs(StatusCode::kAlreadyExists));
}

TEST_P(RunArchiveTest, OfClaimersOfANonceAtTheSameTimeOneWins) {
  constexpr int kThreads = 4;
  std::atomic<int> wins = 0;
  std::atomic<int> losses = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const Status status = archive().UseNonce(std::to_string(i), kNow + 305, kNow);
        if (status.ok()) ++wins;
        if (status.code() == StatusCode::kAlreadyExists) ++losses;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(wins, 50);
  EXPECT_EQ(losses, 50 * (kThreads - 1));
}

}  // namespace
}  // namespace flwrcpp::internal
