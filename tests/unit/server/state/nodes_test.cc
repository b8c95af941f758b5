// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/server/state/state_test.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NodesTest : public StateTest {
 protected:
  std::uint64_t Registered(const std::string& key) {
    const StatusOr<std::uint64_t> node_id = links().CreateNode(Key(key), kNow);
    EXPECT_THAT(node_id, IsOk());
    return node_id.value_or(0);
  }
  NodeInfo Get(std::uint64_t node_id, double now) {
    const StatusOr<NodeInfo> node = links().GetNode(node_id, now);
    EXPECT_THAT(node, IsOk());
    return node.value_or(NodeInfo());
  }
};
FLWRCPP_FOR_EACH_STATE(NodesTest);

TEST_P(NodesTest, ANewNodeIsRegisteredWithWhatIsSaidOfIt) {
  NodeRegistration registration;
  registration.public_key = "key a";
  registration.owner_id = "owner";
  registration.owner_name = "Ada";
  registration.heartbeat_interval = 30;
  registration.location = "52.5,13.4";
  registration.name = "edge-1";

  const StatusOr<std::uint64_t> node_id = links().CreateNode(registration, kNow);

  ASSERT_THAT(node_id, IsOk());
  EXPECT_GT(*node_id, kSuperLinkNodeId);
  const NodeInfo node = Get(*node_id, kNow);
  EXPECT_EQ(node.node_id, *node_id);
  EXPECT_EQ(node.status, NodeStatus::kRegistered);
  EXPECT_EQ(node.public_key, "key a");
  EXPECT_EQ(node.owner_id, "owner");
  EXPECT_EQ(node.owner_name, "Ada");
  EXPECT_EQ(node.heartbeat_interval, 30);
  EXPECT_EQ(node.location, "52.5,13.4");
  EXPECT_EQ(node.name, "edge-1");
  EXPECT_EQ(node.registered_at, kNow);
  EXPECT_EQ(node.last_activated_at, 0);
  EXPECT_EQ(node.online_until, 0);
}

TEST_P(NodesTest, AKeyIsTakenOnceEvenAfterItsNodeIsGone) {
  const std::uint64_t node_id = Registered("key a");

  EXPECT_THAT(links().CreateNode(Key("key a"), kNow), StatusIs(StatusCode::kAlreadyExists));
  ASSERT_THAT(links().UnregisterNode(node_id, kNow), IsOk());
  EXPECT_THAT(links().CreateNode(Key("key a"), kNow), StatusIs(StatusCode::kAlreadyExists));
}

TEST_P(NodesTest, AnEmptyKeyIsRefused) {
  EXPECT_THAT(links().CreateNode(NodeRegistration(), kNow), StatusIs(StatusCode::kInvalidArgument));
}

TEST_P(NodesTest, ActivatingMakesItOnlineForTwoIntervals) {
  const std::uint64_t node_id = Registered("key a");

  const StatusOr<std::uint64_t> activated = links().ActivateNode("key a", 30, kNow + 5);

  ASSERT_THAT(activated, IsOk());
  EXPECT_EQ(*activated, node_id);
  const NodeInfo node = Get(node_id, kNow + 64.9);
  EXPECT_EQ(node.status, NodeStatus::kOnline);
  EXPECT_EQ(node.online_until, kNow + 65);
  EXPECT_EQ(node.heartbeat_interval, 30);
  EXPECT_EQ(node.last_activated_at, kNow + 5);
}

TEST_P(NodesTest, ActivatingAnOnlineNodeIsRefusedUntilItsTimeIsUp) {
  OnlineNode("key a");

  EXPECT_THAT(links().ActivateNode("key a", 30, kNow + 59),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().ActivateNode("key a", 30, kNow + 60), IsOk());
}

TEST_P(NodesTest, ActivatingAnUnknownOrUnregisteredKeyIsNotFound) {
  const std::uint64_t node_id = Registered("key a");
  ASSERT_THAT(links().UnregisterNode(node_id, kNow), IsOk());

  EXPECT_THAT(links().ActivateNode("key a", 30, kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().ActivateNode("key b", 30, kNow), StatusIs(StatusCode::kNotFound));
}

TEST_P(NodesTest, HeartbeatIntervalsOutOfBoundsAreRefused) {
  const std::uint64_t node_id = OnlineNode("key a");
  Registered("key b");

  for (const double interval : {0.0, 9.99, 1800.01, -30.0, std::nan("")}) {
    SCOPED_TRACE(interval);
    EXPECT_THAT(links().AcknowledgeHeartbeat(node_id, interval, kNow),
                StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(links().ActivateNode("key b", interval, kNow),
                StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(links().AcknowledgeHeartbeat(node_id, 10, kNow), IsOk());
  EXPECT_THAT(links().AcknowledgeHeartbeat(node_id, 1800, kNow), IsOk());
}

TEST_P(NodesTest, ANodeWhoseTimeIsUpIsOfflineSinceThen) {
  const std::uint64_t node_id = OnlineNode("key a");

  const NodeInfo node = Get(node_id, kNow + 100);

  EXPECT_EQ(node.status, NodeStatus::kOffline);
  EXPECT_EQ(node.last_deactivated_at, kNow + 60);
  EXPECT_EQ(node.online_until, kNow + 60);
}

TEST_P(NodesTest, AHeartbeatProlongsWithItsOwnInterval) {
  const std::uint64_t node_id = OnlineNode("key a");

  ASSERT_THAT(links().AcknowledgeHeartbeat(node_id, 100, kNow + 50), IsOk());

  const NodeInfo node = Get(node_id, kNow + 200);
  EXPECT_EQ(node.status, NodeStatus::kOnline);
  EXPECT_EQ(node.online_until, kNow + 250);
  EXPECT_EQ(node.heartbeat_interval, 100);
  EXPECT_EQ(node.last_activated_at, kNow) << "it was online all the time";
}

TEST_P(NodesTest, AHeartbeatRevivesOfflineAndRegisteredNodes) {
  const std::uint64_t offline = OnlineNode("key a");
  const std::uint64_t registered = Registered("key b");

  ASSERT_THAT(links().AcknowledgeHeartbeat(offline, 30, kNow + 100), IsOk());
  ASSERT_THAT(links().AcknowledgeHeartbeat(registered, 30, kNow + 100), IsOk());

  EXPECT_EQ(Get(offline, kNow + 100).status, NodeStatus::kOnline);
  EXPECT_EQ(Get(offline, kNow + 100).last_activated_at, kNow + 100);
  EXPECT_EQ(Get(offline, kNow + 100).last_deactivated_at, kNow + 60);
  EXPECT_EQ(Get(registered, kNow + 100).status, NodeStatus::kOnline);
}

TEST_P(NodesTest, AHeartbeatOfAnUnknownOrUnregisteredNodeIsNotFound) {
  const std::uint64_t node_id = OnlineNode("key a");
  ASSERT_THAT(links().UnregisterNode(node_id, kNow), IsOk());

  EXPECT_THAT(links().AcknowledgeHeartbeat(node_id, 30, kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().AcknowledgeHeartbeat(12345, 30, kNow), StatusIs(StatusCode::kNotFound));
}

TEST_P(NodesTest, OnlyAnOnlineNodeCanBeDeactivated) {
  const std::uint64_t node_id = OnlineNode("key a");

  EXPECT_THAT(links().DeactivateNode(node_id, kNow + 1), IsOk());

  const NodeInfo node = Get(node_id, kNow + 2);
  EXPECT_EQ(node.status, NodeStatus::kOffline);
  EXPECT_EQ(node.online_until, kNow + 1);
  EXPECT_EQ(node.last_deactivated_at, kNow + 1);
  EXPECT_THAT(links().DeactivateNode(node_id, kNow + 2), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().DeactivateNode(Registered("key b"), kNow),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(links().DeactivateNode(12345, kNow), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_P(NodesTest, AnUnregisteredNodeStaysOnRecordButIsNotFoundByItsKey) {
  const std::uint64_t node_id = OnlineNode("key a");
  ASSERT_EQ(*links().FindNodeByKey("key a"), node_id);

  ASSERT_THAT(links().UnregisterNode(node_id, kNow + 1), IsOk());

  EXPECT_THAT(links().FindNodeByKey("key a"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().FindNodeByKey("key b"), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(Get(node_id, kNow + 2).status, NodeStatus::kUnregistered);
  EXPECT_EQ(Get(node_id, kNow + 2).unregistered_at, kNow + 1);
  EXPECT_THAT(links().UnregisterNode(node_id, kNow + 2), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().UnregisterNode(12345, kNow), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(links().GetNode(12345, kNow), StatusIs(StatusCode::kNotFound));
}

TEST_P(NodesTest, ListsByStatusAndOwnerInTheOrderOfRegistration) {
  const std::uint64_t a = OnlineNode("key a");
  const std::uint64_t b = Registered("key b");
  const std::uint64_t c = OnlineNode("key c", kNow + 30);
  NodeRegistration of_other = Key("key d");
  of_other.owner_id = "other";
  const std::uint64_t d = links().CreateNode(of_other, kNow).value_or(0);
  ASSERT_THAT(links().UnregisterNode(d, kNow), IsOk());
  const auto ids = [this](const NodeFilter& filter, double now) {
    std::vector<std::uint64_t> list;
    const auto nodes = links().ListNodes(filter, now);
    EXPECT_THAT(nodes, IsOk());
    for (const NodeInfo& node : *nodes) list.push_back(node.node_id);
    return list;
  };

  EXPECT_THAT(ids({.statuses = {NodeStatus::kOnline}, .owner_id = {}}, kNow + 59),
              ElementsAre(a, c));
  EXPECT_THAT(ids({}, kNow + 60), ElementsAre(a, b, c, d));
  EXPECT_THAT(ids({.statuses = {NodeStatus::kOffline, NodeStatus::kUnregistered}, .owner_id = {}},
                  kNow + 60),
              ElementsAre(a, d));
  EXPECT_THAT(ids({.statuses = {}, .owner_id = "other"}, kNow), ElementsAre(d));
  EXPECT_THAT(*links().OnlineNodes(kNow + 60), ElementsAre(c));
  EXPECT_THAT(*links().OnlineNodes(kNow + 90), IsEmpty());
}

}  // namespace
}  // namespace flwrcpp::internal
