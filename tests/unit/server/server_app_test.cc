// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/server_app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/fake_grid.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::FakeGrid;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

/// A SuperLink that only keeps account of its run.
class FakeSuperLink : public SuperLink {
 public:
  std::uint16_t http_port() const override { return 0; }
  std::uint16_t grpc_port() const override { return 0; }
  std::uint16_t classic_port() const override { return 0; }
  StatusOr<std::uint64_t> RegisterNode(const std::string&) override {
    return absl::UnimplementedError("no nodes here");
  }
  StatusOr<std::shared_ptr<Grid>> StartRun(const RunOptions&) override {
    if (!start_status.ok()) return start_status;
    return std::make_shared<FakeGrid>();
  }
  Status FinishRun(std::uint64_t run_id, const std::string& sub_status,
                   const std::string& details) override {
    finished_run = run_id;
    finished_as = sub_status;
    finished_because = details;
    return finish_status;
  }
  void Stop() override {}

  Status start_status;
  Status finish_status;
  std::uint64_t finished_run = 0;
  std::string finished_as;
  std::string finished_because;
};

class ServerAppTest : public ::testing::Test {
 protected:
  Status Run(ServerApp::Main main) {
    return ServerApp(std::move(main)).Run(superlink_, options_, stop_.get_token());
  }

  FakeSuperLink superlink_;
  RunOptions options_;
  std::stop_source stop_;
};

TEST_F(ServerAppTest, MainGetsTheRunsGridAndContext) {
  options_.run_config.Set("rounds", std::int64_t{5});
  Context seen;
  std::uint64_t grid_run_id = 0;

  const Status status = Run([&](Grid& grid, Context& context) {
    seen = context;
    grid_run_id = grid.run_id();
    return absl::OkStatus();
  });

  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(grid_run_id, FakeGrid::kRunId);
  EXPECT_EQ(seen.run_id, FakeGrid::kRunId);
  EXPECT_EQ(seen.node_id, kSuperLinkNodeId);
  EXPECT_EQ(seen.run_config.GetInt("rounds").value(), 5);
  EXPECT_FALSE(seen.stop.stop_requested());
  stop_.request_stop();
  EXPECT_TRUE(seen.stop.stop_requested());
}

TEST_F(ServerAppTest, ARunThatReturnsIsCompleted) {
  EXPECT_THAT(Run([](Grid&, Context&) { return absl::OkStatus(); }), IsOk());

  EXPECT_EQ(superlink_.finished_run, FakeGrid::kRunId);
  EXPECT_EQ(superlink_.finished_as, "completed");
  EXPECT_EQ(superlink_.finished_because, "");
}

TEST_F(ServerAppTest, ACancelledRunIsStopped) {
  EXPECT_THAT(Run([](Grid&, Context&) { return absl::CancelledError("enough"); }),
              StatusIs(StatusCode::kCancelled));

  EXPECT_EQ(superlink_.finished_as, "stopped");
}

TEST_F(ServerAppTest, AnErrorIsAFailure) {
  superlink_.finish_status = absl::InternalError("cannot finish");

  EXPECT_THAT(Run([](Grid&, Context&) { return absl::DataLossError("no model"); }),
              StatusIs(StatusCode::kDataLoss, "no model"));

  EXPECT_EQ(superlink_.finished_as, "failed");
  EXPECT_EQ(superlink_.finished_because, "no model");
}

TEST_F(ServerAppTest, AnExceptionIsAFailure) {
  EXPECT_THAT(
      Run([](Grid&, Context&) -> Status { throw std::invalid_argument("bad learning rate"); }),
      StatusIs(StatusCode::kInternal, "bad learning rate"));

  EXPECT_EQ(superlink_.finished_as, "failed");
  EXPECT_THAT(superlink_.finished_because, HasSubstr("bad learning rate"));
}

TEST_F(ServerAppTest, ErrorsOfTheSuperLinkComeThrough) {
  superlink_.finish_status = absl::InternalError("cannot finish");
  EXPECT_THAT(Run([](Grid&, Context&) { return absl::OkStatus(); }),
              StatusIs(StatusCode::kInternal, "cannot finish"));

  superlink_.start_status = absl::UnavailableError("stopped");
  bool called = false;
  EXPECT_THAT(Run([&](Grid&, Context&) {
                called = true;
                return absl::OkStatus();
              }),
              StatusIs(StatusCode::kUnavailable, "stopped"));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace flwrcpp
