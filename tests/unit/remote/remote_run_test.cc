// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "flwrcpp/client_app.h"
#include "flwrcpp/node.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/superlink.h"
#include "internal/status_macros.h"
#include "records/cpp_fab.h"
#include "rpc/control_connection.h"
#include "rpc/runtime_connection.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_fab.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

constexpr std::chrono::seconds kLong{30};
constexpr std::size_t kElements = 2'000'000;  // of 4 bytes: two chunks

/// ServerApps at a SuperLink that is reached over HTTP only, with nodes of our own.
class RemoteRunTest : public ::testing::Test {
 protected:
  RemoteRunTest() { Start(SuperLinkOptions()); }

  ~RemoteRunTest() override {
    nodes_.clear();  // stops and joins
  }

  void Start(SuperLinkOptions options) {
    options.http_port = 0;
    options.insecure = true;
    options.serve_apps = true;
    options.pull_wait = std::chrono::seconds(1);
    superlink_.reset();
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(std::move(options));
    ASSERT_THAT(started, IsOk());
    superlink_ = *std::move(started);
    remote_.address = "127.0.0.1:" + std::to_string(superlink_->http_port());
    remote_.insecure = true;
    remote_.capture_output = false;
    remote_.max_wait_time = std::chrono::seconds(5);
  }

  /// A node whose reply to training is the arrays that it was sent, and its run config.
  void AddNode() {
    nodes_.emplace_back([this](std::stop_token stop) {
      ClientApp app;
      app.Train([](const Message& message, Context& context) -> StatusOr<Message> {
        RecordDict content = message.content();
        ConfigRecord seen = context.run_config;
        content.Set("seen", std::move(seen));
        return Message::ReplyTo(message, std::move(content));
      });
      NodeOptions options;
      options.superlink = remote_.address;
      options.insecure = true;
      EXPECT_THAT(RunNode(app, options, std::move(stop)), IsOk());
    });
  }

  RunProgress ProgressOf(std::uint64_t run_id) const {
    ControlConnection control({remote_.address, true, ""}, {}, Clock::System());
    const StatusOr<RunProgress> progress = control.GetRun(run_id, {});
    EXPECT_THAT(progress, IsOk());
    return progress.value_or(RunProgress());
  }

  /// Starts a run as `flwr run` does and claims it as an executor does.
  /// @return its token.
  std::string ClaimRunOf(const Bytes& fab) {
    ControlConnection control({remote_.address, true, ""}, {}, Clock::System());
    const StatusOr<std::uint64_t> run_id = control.StartRun(fab, {}, "", {});
    EXPECT_THAT(run_id, IsOk());
    run_id_ = run_id.value_or(0);
    RuntimeConnection executor({remote_.address, true, ""}, "SuperExec", {}, Clock::System());
    const auto claimed = executor.AcquireTask("flwr-serverapp", "", {});
    EXPECT_THAT(claimed, IsOk());
    return claimed.ok() && claimed->has_value() ? (*claimed)->token : "";
  }

  std::unique_ptr<SuperLink> superlink_;
  RemoteSuperLink remote_;
  std::uint64_t run_id_ = 0;  ///< Of the run that was claimed last.
  std::vector<std::jthread> nodes_;
};

std::vector<std::uint64_t> WaitForNodes(Grid& grid, std::size_t count) {
  std::vector<std::uint64_t> ids;
  while (ids.size() < count) {
    const StatusOr<std::vector<std::uint64_t>> online = grid.GetNodeIds();
    EXPECT_THAT(online, IsOk());
    if (!online.ok()) return {};
    ids = *online;
    if (ids.size() < count) grid.WaitForNodes(std::chrono::milliseconds(50));
  }
  return ids;
}

std::shared_ptr<const RecordDict> TestContent() {
  std::vector<float> values(kElements);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1000);
  ArrayRecord arrays;
  arrays.Set("weights", *Array::From(values, {static_cast<std::int64_t>(kElements)}));
  RecordDict content;
  content.Set("arrays", std::move(arrays));
  return std::make_shared<const RecordDict>(std::move(content));
}

TEST_F(RemoteRunTest, ASubmittedRunExchangesMessagesWithNodes) {
  AddNode();
  AddNode();
  const auto content = TestContent();
  std::uint64_t run_id = 0;
  int replies = 0;
  const ServerApp app([&](Grid& grid, Context& context) -> Status {
    run_id = grid.run_id();
    EXPECT_EQ(*context.run_config.GetInt("rounds"), 7);
    std::vector<Message> messages;
    for (const std::uint64_t id : WaitForNodes(grid, 2)) {
      messages.push_back(Message::Instruction(content, id, "train"));
    }
    const auto on_reply = [&](Message reply) -> Status {
      EXPECT_FALSE(reply.has_error()) << reply.error().reason;
      EXPECT_EQ(reply.metadata().run_id, run_id);
      const auto* const arrays = std::get_if<ArrayRecord>(reply.content().Find("arrays"));
      EXPECT_TRUE(arrays != nullptr && *arrays == std::get<ArrayRecord>(*content->Find("arrays")));
      const auto* const seen = std::get_if<ConfigRecord>(reply.content().Find("seen"));
      EXPECT_TRUE(seen != nullptr && *seen->GetInt("rounds") == 7);
      ++replies;
      return absl::OkStatus();
    };
    return grid.SendAndReceive(std::move(messages), kLong, on_reply, context.stop);
  });
  RunOptions options;
  options.run_config.Set("rounds", std::int64_t{7});

  EXPECT_THAT(app.Run(remote_, options, {}), IsOk());

  EXPECT_EQ(replies, 2);
  const RunProgress progress = ProgressOf(run_id);
  EXPECT_EQ(progress.status + ":" + progress.sub_status, "finished:completed");
}

TEST_F(RemoteRunTest, AFailureIsToldToTheSuperLink) {
  std::uint64_t run_id = 0;
  const ServerApp app([&](Grid& grid, Context&) -> Status {
    run_id = grid.run_id();
    throw std::runtime_error("out of luck");
  });

  EXPECT_THAT(app.Run(remote_, {}, {}), StatusIs(StatusCode::kInternal));

  const RunProgress progress = ProgressOf(run_id);
  EXPECT_EQ(progress.sub_status, "failed");
  EXPECT_NE(progress.details.find("out of luck"), std::string::npos) << progress.details;
}

TEST_F(RemoteRunTest, ARunThatIsStoppedAtTheSuperLinkEnds) {
  const ServerApp app([&](Grid& grid, Context& context) -> Status {
    ControlConnection control({remote_.address, true, ""}, {}, Clock::System());
    EXPECT_THAT(control.StopRun(grid.run_id(), {}), IsOk());
    while (!context.stop.stop_requested()) {  // by the heartbeat
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return Status(StatusCode::kCancelled, "noticed");
  });

  const Status status = app.Run(remote_, {}, {});

  EXPECT_THAT(status, StatusIs(StatusCode::kCancelled));
  EXPECT_NE(status.message().find("stopped at the SuperLink"), std::string::npos);
}

TEST_F(RemoteRunTest, AStopCountsWhateverTheAppMakesOfIt) {
  for (const Status& outcome :
       {absl::OkStatus(), Status(StatusCode::kAborted, "object 77 was not taken")}) {
    const ServerApp app([&](Grid& grid, Context&) -> Status {
      ControlConnection control({remote_.address, true, ""}, {}, Clock::System());
      EXPECT_THAT(control.StopRun(grid.run_id(), {}), IsOk());
      return outcome;
    });

    EXPECT_THAT(app.Run(remote_, {}, {}),
                StatusIs(StatusCode::kCancelled, "stopped at the SuperLink"));
  }
}

TEST_F(RemoteRunTest, AStopEndsWaitsAndTheRun) {
  std::stop_source stop;
  std::uint64_t run_id = 0;
  const ServerApp app([&](Grid& grid, Context&) -> Status {
    run_id = grid.run_id();
    std::thread([&stop] { stop.request_stop(); }).detach();
    while (true) {
      FLWRCPP_RETURN_IF_ERROR(grid.GetNodeIds().status());
      grid.WaitForNodes(kLong);
    }
  });

  EXPECT_THAT(app.Run(remote_, {}, stop.get_token()), StatusIs(StatusCode::kCancelled));

  EXPECT_EQ(ProgressOf(run_id).sub_status, "stopped");
}

TEST_F(RemoteRunTest, AnExecutorRunsEveryRunThatIsThere) {
  RunOptions options;
  std::atomic<int> runs = 0;
  std::stop_source stop;
  const ServerApp app([&](Grid&, Context&) -> Status {
    if (++runs == 2) stop.request_stop();
    return runs == 1 ? Status(StatusCode::kInternal, "the first fails") : absl::OkStatus();
  });
  ControlConnection control({remote_.address, true, ""}, {}, Clock::System());
  const Bytes fab = *MakeCppFab({});
  const StatusOr<std::uint64_t> first = control.StartRun(fab, {}, "", {});
  const StatusOr<std::uint64_t> second = control.StartRun(fab, {}, "", {});
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());

  EXPECT_THAT(app.Serve(remote_, stop.get_token()), IsOk());

  EXPECT_EQ(ProgressOf(*first).sub_status, "failed");
  EXPECT_EQ(ProgressOf(*second).sub_status, "completed");
}

TEST_F(RemoteRunTest, ARunThatCannotBeClaimedDoesNotStayBehind) {
  SuperLinkOptions options;
  options.superexec_auth_secret = "a secret";
  Start(std::move(options));
  remote_.superexec_auth_secret = "another one";
  const ServerApp app([](Grid&, Context&) -> Status {
    ADD_FAILURE() << "runs all the same";
    return absl::OkStatus();
  });

  EXPECT_THAT(app.Run(remote_, {}, {}), StatusIs(StatusCode::kUnauthenticated));

  remote_.superexec_auth_secret = "a secret";
  std::stop_source stop;
  RuntimeConnection connection({remote_.address, true, ""}, "SuperExec", {}, Clock::System());
  const auto claimed = connection.AcquireTask("flwr-serverapp", "a secret", {});
  ASSERT_THAT(claimed, IsOk());
  EXPECT_FALSE(claimed->has_value());
}

TEST_F(RemoteRunTest, ASuperLinkThatIsNotThereIsAnError) {
  remote_.address = "127.0.0.1:1";
  remote_.max_retries = 0;
  const ServerApp app([](Grid&, Context&) { return absl::OkStatus(); });

  EXPECT_THAT(app.Run(remote_, {}, {}), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(app.RunTask(remote_, {"token", nullptr}, {}), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(app.Serve(remote_, {}), StatusIs(StatusCode::kUnavailable));
}

TEST_F(RemoteRunTest, ATokenOfNoTaskIsRefused) {
  const ServerApp app([](Grid&, Context&) { return absl::OkStatus(); });

  EXPECT_THAT(app.RunTask(remote_, {std::string(256, 'a'), nullptr}, {}),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(RemoteRunTest, AnAppOfPythonIsHandedOnWithItsInput) {
  const std::string token = ClaimRunOf(
      Bytes(flwrcpp::testing::MakeZip({{"pyproject.toml", flwrcpp::testing::TestPyproject("")}})));
  const ServerApp app([](Grid&, Context&) -> Status {
    ADD_FAILURE() << "the FAB does not say that its ServerApp is a C++ one";
    return absl::OkStatus();
  });
  TaskOptions task;
  task.token = token;
  task.run_python = [&](const std::string& address, std::stop_token) -> Status {
    RuntimeConnection python({address, true, ""}, "flwr-serverapp", {}, Clock::System());
    python.UseToken(token);
    const auto input = python.PullTaskInput({});
    EXPECT_THAT(input, IsOk());
    EXPECT_FALSE(input->fab().content().empty());
    EXPECT_THAT(python.GetNodes({}), IsOk());
    flwr::proto::PushTaskOutputRequest output;
    output.set_sub_status("completed");
    return python.PushTaskOutput(output, {});
  };

  EXPECT_THAT(app.RunTask(remote_, task, {}), IsOk());

  EXPECT_EQ(ProgressOf(run_id_).sub_status, "completed");
}

TEST_F(RemoteRunTest, AnAppInCppIsNotHandedOn) {
  TaskOptions task;
  task.token = ClaimRunOf(*MakeCppFab({}));
  bool called = false;
  const ServerApp app([&](Grid&, Context&) -> Status {
    called = true;
    return absl::OkStatus();
  });
  task.run_python = [](const std::string&, std::stop_token) -> Status {
    ADD_FAILURE() << "the FAB says that its ServerApp is a C++ one";
    return absl::OkStatus();
  };

  EXPECT_THAT(app.RunTask(remote_, task, {}), IsOk());

  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace flwrcpp::internal
