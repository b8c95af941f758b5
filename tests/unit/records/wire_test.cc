// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "records/wire.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "flwr/proto/fab.pb.h"
#include "flwr/proto/fleet.pb.h"
#include "flwr/proto/heartbeat.pb.h"
#include "flwr/proto/run.pb.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using testing::FromHex;
using testing::IsOk;
using testing::Json;
using testing::StatusIs;
using testing::ToHex;
using testing::Vectors;

/// Makes sure that the generated files are linked in, so that types are found by name.
void LinkTypes() {
  flwr::proto::RegisterNodeFleetRequest::descriptor();
  flwr::proto::SendNodeHeartbeatRequest::descriptor();
  flwr::proto::GetRunRequest::descriptor();
  flwr::proto::GetFabRequest::descriptor();
}

TEST(Wire, EveryFleetMessageOfStockFlowerRoundTrips) {
  LinkTypes();
  ASSERT_EQ(Vectors()["wire_messages"].size(), 18U);
  for (const auto& [name, example] : Vectors()["wire_messages"].items()) {
    SCOPED_TRACE(name);
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            example["type"].get<std::string>());
    ASSERT_NE(descriptor, nullptr);
    const std::unique_ptr<google::protobuf::Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    ASSERT_TRUE(message->ParseFromString(FromHex(example["hex"])));
    EXPECT_TRUE(message->GetReflection()->GetUnknownFields(*message).empty());

    EXPECT_EQ(ToHex(message->SerializeAsString()), example["hex"]);
  }
}

TEST(Wire, PushObjectRequestIsReadWithoutProtobuf) {
  const Bytes body(FromHex(Vectors()["wire_messages"]["PushObject.req"]["hex"]));
  flwr::proto::PushObjectRequest expected;
  ASSERT_TRUE(expected.ParseFromString(std::string(body.view())));

  const auto view = ParsePushObjectRequest(body);

  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->node_id, expected.node().node_id());
  EXPECT_EQ(view->run_id, expected.run_id());
  EXPECT_EQ(view->object_id, expected.object_id());
  EXPECT_EQ(view->session_id, expected.session_id());
  EXPECT_EQ(view->content.view(), expected.object_content());
}

// Found by fuzzing: protobuf lets a field of a message type come in parts.
TEST(Wire, ARepeatedNodeOfAPushObjectRequestIsMerged) {
  flwr::proto::PushObjectRequest first;
  first.mutable_node()->set_node_id(7);
  flwr::proto::PushObjectRequest second;
  second.mutable_node();
  const std::string body = first.SerializeAsString() + second.SerializeAsString();
  flwr::proto::PushObjectRequest expected;
  ASSERT_TRUE(expected.ParseFromString(body));

  const auto view = ParsePushObjectRequest(Bytes(body));

  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->node_id, expected.node().node_id());
  EXPECT_EQ(view->node_id, 7U);
}

TEST(Wire, PushObjectRequestIsWrittenWithoutProtobuf) {
  flwr::proto::PushObjectRequest expected;
  ASSERT_TRUE(
      expected.ParseFromString(FromHex(Vectors()["wire_messages"]["PushObject.req"]["hex"])));

  const std::string written =
      PushObjectRequestFront(expected.node().node_id(), expected.run_id(), expected.object_id(),
                             expected.session_id(), expected.object_content().size()) +
      expected.object_content();

  flwr::proto::PushObjectRequest read;
  ASSERT_TRUE(read.ParseFromString(written));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(read, expected));
}

TEST(Wire, PullObjectResponseIsByteForByteStocks) {
  const std::string hex = Vectors()["wire_messages"]["PullObject.res"]["hex"];
  const Bytes body(FromHex(hex));

  const auto view = ParsePullObjectResponse(body);

  ASSERT_THAT(view, IsOk());
  EXPECT_TRUE(view->found);
  EXPECT_TRUE(view->available);
  EXPECT_EQ(
      ToHex(PullObjectResponseFront(view->content.size()) + std::string(view->content.view())),
      hex);
}

TEST(Wire, EveryTruncationOfAPushObjectRequestIsReadOrRefused) {
  const std::string body = FromHex(Vectors()["wire_messages"]["PushObject.req"]["hex"]);
  int refused = 0;
  for (std::size_t size = 0; size < body.size(); ++size) {
    refused += ParsePushObjectRequest(Bytes(body.substr(0, size))).ok() ? 0 : 1;
  }

  // Only cuts between two of the five fields leave a message.
  EXPECT_GE(refused, static_cast<int>(body.size()) - 6);
}

TEST(Wire, UnsignedIntegersTravelSignedWhereTheyFit) {
  flwr::proto::MetricRecord proto;
  constexpr std::uint64_t kBig = std::numeric_limits<std::uint64_t>::max();

  ToProto(MetricRecord{{"small", std::uint64_t{7}}, {"big", kBig}}, proto);

  EXPECT_EQ(proto.items(0).value().sint64(), 7);
  EXPECT_EQ(proto.items(1).value().uint64(), kBig);
}

TEST(Wire, AMetricWithoutValueIsRefusedByName) {
  flwr::proto::MetricRecord proto;
  proto.add_items()->set_key("loss");

  EXPECT_THAT(FromProto(proto), StatusIs(StatusCode::kInvalidArgument, "'loss'"));
}

TEST(Wire, TreesOutsideTheBoundsAreRefused) {
  flwr::proto::ObjectTree proto;
  const std::string id(64, 'a');
  flwr::proto::ObjectTree* level = &proto;
  for (int depth = 1; depth <= kMaxTreeDepth; ++depth) {
    level->set_object_id(id);
    if (depth < kMaxTreeDepth) level = level->add_children();
  }
  EXPECT_THAT(FromProto(proto, 5), IsOk());
  EXPECT_THAT(FromProto(proto, 4), StatusIs(StatusCode::kInvalidArgument, "too many"));

  level->add_children()->set_object_id(id);
  EXPECT_THAT(FromProto(proto, 100), StatusIs(StatusCode::kInvalidArgument, "deeper"));

  proto.clear_children();
  proto.set_object_id("abc");
  EXPECT_THAT(FromProto(proto, 100), StatusIs(StatusCode::kInvalidArgument, "hex"));
}

TEST(Wire, UserConfigsRoundTripAsScalars) {
  const UserConfig config = {{"a", 0.5}, {"b", true}, {"c", 3}, {"d", std::string("x")}};
  ScalarMap map;

  ToProto(config, map);

  EXPECT_EQ(FromProto(map), config);
}

}  // namespace
}  // namespace flwrcpp::internal
