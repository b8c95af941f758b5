// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/remote/output_capture.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <string>

namespace flwrcpp::internal {
namespace {

TEST(OutputCapture, PassesWhatIsWrittenOnAndToTheSink) {
  ::testing::internal::CaptureStdout();
  std::mutex mutex;
  std::string seen;
  {
    const OutputCapture capture([&](std::string_view text) {
      const std::lock_guard lock(mutex);
      seen += text;
    });
    std::fputs("by stdio\n", stdout);
    std::fflush(stdout);
    EXPECT_EQ(write(STDOUT_FILENO, "by hand\n", 8), 8);
  }
  std::fputs("afterwards\n", stdout);
  std::fflush(stdout);

  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "by stdio\nby hand\nafterwards\n");
  EXPECT_EQ(seen, "by stdio\nby hand\n");
}

TEST(OutputCapture, EndsThoughAChildKeepsTheStreamOpen) {
  int kept = -1;
  {
    const OutputCapture capture([](std::string_view) {});
    kept = dup(STDOUT_FILENO);  // as a child process would have it
  }
  EXPECT_GE(kept, 0);
  close(kept);
}

}  // namespace
}  // namespace flwrcpp::internal
