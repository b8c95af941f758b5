// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Joining SuperLinks of Flower before 1.23, which create and delete nodes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "client/join.h"
#include "crypto/node_auth.h"
#include "flwr/proto/heartbeat.pb.h"
#include "flwrcpp/proto/early_fleet.pb.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::FastClock;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::TempDir;
using ::testing::ElementsAre;

constexpr std::uint64_t kNodeId = 42;

/// Answers as a SuperLink before 1.23 does that takes signatures for `max_age` seconds.
class EarlySuperLink final : public FleetTransport {
 public:
  EarlySuperLink(Clock& clock, double max_age, std::vector<std::string>& log)
      : clock_(clock), max_age_(max_age), log_(log) {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token /*stop*/) override {
    const std::string name(call.method.name);
    log_.push_back(name);
    const double age = clock_.Unix() - ParseTimestamp(call.credentials.timestamp).value_or(0);
    if (age > max_age_) return Status(StatusCode::kUnauthenticated, "Invalid timestamp");
    if (name == "CreateNode") {
      if (taken_) return Status(StatusCode::kUnauthenticated, "Public key already in use");
      taken_ = true;
      proto::CreateNodeResponse response;
      response.mutable_node()->set_node_id(kNodeId);
      return Bytes(response.SerializeAsString());
    }
    if (name == "SendNodeHeartbeat" || name == "DeleteNode") {
      if (name == "DeleteNode") taken_ = false;
      flwr::proto::SendNodeHeartbeatResponse response;
      response.set_success(true);
      return Bytes(response.SerializeAsString());
    }
    return Status(StatusCode::kUnauthenticated, "Invalid node ID");
  }

  std::string_view wire() const override { return "grpc"; }

 private:
  Clock& clock_;
  const double max_age_;
  std::vector<std::string>& log_;
  bool taken_ = false;
};

class EarlySuperLinkTest : public ::testing::Test {
 protected:
  FleetConnection Connect(double max_age) {
    return {std::make_unique<EarlySuperLink>(clock_, max_age, log_), key_, {{}, 1 << 20}, clock_};
  }

  FastClock clock_;
  const EcPrivateKey key_ = EcPrivateKey::Generate();
  std::vector<std::string> log_;
};

TEST_F(EarlySuperLinkTest, CreatesTheNodeWhereItCannotRegister) {
  FleetConnection connection = Connect(305);

  ASSERT_THAT(Join(connection, clock_, {}, {}), IsOk());

  EXPECT_EQ(connection.node_id(), kNodeId);
  EXPECT_TRUE(connection.is_created());
  EXPECT_THAT(log_, ElementsAre("RegisterNode", "CreateNode", "SendNodeHeartbeat"));
}

TEST_F(EarlySuperLinkTest, CreatesTheNodeOfAGivenKeyToo) {
  FleetConnection connection = Connect(305);
  JoinOptions options;
  options.register_node = false;

  ASSERT_THAT(Join(connection, clock_, options, {}), IsOk());

  EXPECT_THAT(log_, ElementsAre("ActivateNode", "CreateNode", "SendNodeHeartbeat"));
}

TEST_F(EarlySuperLinkTest, GoesOnWithItsIdAfterACrash) {
  const TempDir directory;
  FleetConnection connection = Connect(305);
  JoinOptions options;
  options.register_node = false;
  options.directory = directory.path();
  ASSERT_THAT(Join(connection, clock_, options, {}), IsOk());
  connection.UseNodeId(0);

  ASSERT_THAT(Join(connection, clock_, options, {}), IsOk());

  EXPECT_EQ(connection.node_id(), kNodeId);
}

TEST_F(EarlySuperLinkTest, IsToldWhichReleaseASuperLinkMustBeThatIsTooOld) {
  FleetConnection connection = Connect(15);

  const Status status = Join(connection, clock_, {}, {});

  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "1.20 or later"));
  EXPECT_EQ(log_.back(), "DeleteNode");
}

/// A SuperLink of today that does not like this node.
class Refusing final : public FleetTransport {
 public:
  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token /*stop*/) override {
    if (call.method.name == "CreateNode") return Status(StatusCode::kUnimplemented, "no such call");
    return Status(StatusCode::kUnauthenticated, "Invalid timestamp");
  }
  std::string_view wire() const override { return "grpc"; }
};

TEST_F(EarlySuperLinkTest, ARefusalOfALaterSuperLinkStaysWhatItWas) {
  FleetConnection connection(std::make_unique<Refusing>(), key_, {{}, 1 << 20}, clock_);

  EXPECT_THAT(Join(connection, clock_, {}, {}),
              StatusIs(StatusCode::kUnauthenticated, "Invalid timestamp"));
}

}  // namespace
}  // namespace flwrcpp::internal
