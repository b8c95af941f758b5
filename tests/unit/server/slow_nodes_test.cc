// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Runs over a SuperLink with real nodes, one of which does not come to an end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/strategy/fedbuff.h"
#include "flwrcpp/superlink.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::IsOk;
using testing::StatusIs;

constexpr std::chrono::seconds kPatience{60};

ArrayRecord Weight(float value) { return {{"w", *Array::From(std::vector<float>{value}, {1})}}; }

class SlowNodesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SuperLinkOptions options;
    options.http_port = 0;
    options.insecure = true;
    options.pull_wait = std::chrono::seconds(1);
    auto started = SuperLink::Start(options);
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
    grid_ = superlink_->StartRun({}).value();
    run_.initial_arrays = Weight(0);
    run_.num_rounds = 20000;  // the tests end them earlier
    run_.stop = stop_.get_token();
  }

  ~SlowNodesTest() override {
    Release();
    nodes_.clear();  // stops and joins
  }

  /// A node that adds 1 to what it is given. A slow one waits for Release first.
  void AddNode(bool is_slow) {
    nodes_.emplace_back([this, is_slow](std::stop_token stop) {
      ClientApp app;
      app.Train([this, is_slow](const Message& message, Context&) -> StatusOr<Message> {
        if (is_slow && released_.wait_for(kPatience) == std::future_status::timeout) {
          return Status(StatusCode::kDeadlineExceeded, "the test did not release the node");
        }
        const float given =
            message.content().FindArrays("arrays")->Find("w")->ToVector<float>().value()[0];
        RecordDict content;
        content.Set("arrays", Weight(given + 1));
        content.Set("metrics",
                    MetricRecord{{"num-examples", std::int64_t{1}}, {"slow", is_slow ? 1.0 : 0.0}});
        return Message::ReplyTo(message, std::move(content));
      });
      NodeOptions options;
      options.superlink = "127.0.0.1:" + std::to_string(superlink_->http_port());
      options.insecure = true;
      EXPECT_THAT(RunNode(app, options, std::move(stop)), IsOk());
    });
  }

  void Release() {
    if (!is_released_) release_.set_value();
    is_released_ = true;
  }

  /// Whether the slow node had a part in the round.
  static bool HasSlowUpdate(const RoundReport& report) {
    return report.train->metrics->GetDouble("slow").value() > 0;
  }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  bool is_released_ = false;
  std::unique_ptr<SuperLink> superlink_;
  std::shared_ptr<Grid> grid_;
  StartOptions run_;
  std::stop_source stop_;
  std::vector<std::jthread> nodes_;
};

TEST_F(SlowNodesTest, DoNotHoldUpFedBuffAndCountWhenTheyAreReady) {
  for (const bool is_slow : {true, false, false}) AddNode(is_slow);
  FedBuffOptions options;
  options.buffer_size = 2;
  options.min_available_nodes = 3;
  options.fraction_evaluate = 0;
  int slow_round = 0;
  run_.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    EXPECT_EQ(report.train->num_results, 2);
    if (report.server_round == 10) Release();
    if (slow_round == 0 && HasSlowUpdate(report)) slow_round = report.server_round;
    if (slow_round > 0 && report.server_round >= slow_round + 3) stop_.request_stop();
    return absl::OkStatus();
  };

  const auto result = FedBuff::Create(options).value()->Start(*grid_, std::move(run_));

  EXPECT_THAT(result, StatusIs(StatusCode::kCancelled));
  EXPECT_GT(slow_round, 10);
}

TEST_F(SlowNodesTest, DoNotHoldUpRoundsThatAskMoreThanTheyNeed) {
  for (const bool is_slow : {true, false, false, false}) AddNode(is_slow);
  FedAvgOptions options;
  options.fraction_train = 0.75;
  options.min_available_nodes = 4;
  options.fraction_evaluate = 0;
  run_.over_selection = 0.3;
  int late_round = 0;
  run_.on_round = [&](const RoundReport& report, const ArrayRecord&) {
    EXPECT_EQ(report.train->num_results, 3);
    if (report.server_round == 5) Release();
    if (report.train->num_late > 0 && late_round == 0) {
      late_round = report.server_round;
      EXPECT_EQ(report.train->num_late, 1);
      stop_.request_stop();
    }
    return absl::OkStatus();
  };

  const auto result = FedAvg::Create(options).value()->Start(*grid_, std::move(run_));

  EXPECT_THAT(result, StatusIs(StatusCode::kCancelled));
  EXPECT_GT(late_round, 5);
}

}  // namespace
}  // namespace flwrcpp
