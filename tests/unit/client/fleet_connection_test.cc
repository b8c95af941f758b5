// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "fleet/fleet_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "crypto/node_auth.h"
#include "flwr/proto/fleet.pb.h"
#include "rpc/flower_status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::FakeClock;
using ::flwrcpp::testing::FromHex;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;
using ::flwrcpp::testing::ToHex;
using ::flwrcpp::testing::Vectors;
using ::testing::ElementsAre;

// What the vectors are made with.
constexpr std::uint64_t kNodeId = 9876543210987654321U;
constexpr std::uint64_t kRunId = 1234567890123456789U;

std::string Wire(const char* name) { return FromHex(Vectors()["wire_messages"][name]["hex"]); }

const Status kUnreachable(StatusCode::kUnavailable, "nobody there");

/// Remembers calls and answers them as told; with empty responses when told nothing.
class ScriptedTransport final : public FleetTransport {
 public:
  struct Seen {
    std::string method;
    std::string body;
    NodeCredentials credentials;
    std::size_t max_response_bytes = 0;
  };
  struct Script {
    std::deque<StatusOr<std::string>> answers;
    std::vector<Seen> seen;
  };

  explicit ScriptedTransport(Script& script) : script_(script) {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token /*stop*/) override {
    Seen seen{std::string(call.method.name), "", call.credentials, call.max_response_bytes};
    for (const Bytes& piece : call.body) seen.body += piece.view();
    script_.seen.push_back(std::move(seen));
    if (script_.answers.empty()) return Bytes();
    const StatusOr<std::string> answer = script_.answers.front();
    script_.answers.pop_front();
    if (!answer.ok()) return answer.status();
    return Bytes(*answer);
  }

  std::string_view wire() const override { return "scripted"; }

 private:
  Script& script_;
};

class FleetConnectionTest : public ::testing::Test {
 protected:
  FleetConnectionTest() { Use({}); }

  void Use(const RetryPolicy& retry) {
    FleetConnection::Options options;
    options.retry = retry;
    options.max_object_bytes = 1000;
    connection_ = std::make_unique<FleetConnection>(std::make_unique<ScriptedTransport>(script_),
                                                    EcPrivateKey::Generate(), options, clock_);
    connection_->UseNodeId(kNodeId);
  }
  void Answer(StatusOr<std::string> answer) { script_.answers.push_back(std::move(answer)); }
  std::string LastBody() const { return ToHex(script_.seen.back().body); }

  FakeClock clock_;
  ScriptedTransport::Script script_;
  std::unique_ptr<FleetConnection> connection_;
};

TEST_F(FleetConnectionTest, RequestsAreThoseOfFlower) {
  const std::string message_id = Vectors()["worked_example_instruction"]["root_id"];

  EXPECT_THAT(connection_->SendNodeHeartbeat(30, {}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("Heartbeat.req")));
  EXPECT_THAT(connection_->PullMessages({}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("PullMessages.req")));
  EXPECT_THAT(connection_->GetRun(kRunId, {}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("GetRun.req")));
  EXPECT_THAT(connection_->ProbeRun(kRunId, {}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("GetRun.req")));
  EXPECT_FALSE(connection_->GetFab(std::string("abab") + std::string(60, 'x'), kRunId, {}).ok());
  EXPECT_EQ(script_.seen.back().method, "GetFab");
  EXPECT_THAT(connection_->PullObject(kRunId, message_id, {}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("PullObject.req")));
  EXPECT_THAT(connection_->ConfirmMessageReceived(kRunId, message_id, {}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("ConfirmMessageReceived.req")));
  EXPECT_THAT(connection_->DeactivateNode({}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("DeactivateNode.req")));
  EXPECT_THAT(connection_->UnregisterNode({}), IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("UnregisterNode.req")));
}

TEST_F(FleetConnectionTest, RegistrationCarriesThePublicKeyAsText) {
  flwr::proto::RegisterNodeFleetResponse registered;
  registered.set_node_id(kNodeId);
  Answer(registered.SerializeAsString());
  flwr::proto::RegisterNodeFleetRequest register_request;
  flwr::proto::ActivateNodeRequest activate_request;

  EXPECT_EQ(*connection_->RegisterNode({}), kNodeId);
  ASSERT_TRUE(register_request.ParseFromString(script_.seen[0].body));
  EXPECT_EQ(register_request.public_key(), connection_->key().public_pem());

  EXPECT_THAT(connection_->ActivateNode(30, {}), IsOk());
  ASSERT_TRUE(activate_request.ParseFromString(script_.seen[1].body));
  EXPECT_EQ(activate_request.public_key(), connection_->key().public_pem());
  EXPECT_EQ(activate_request.heartbeat_interval(), 30);
}

TEST_F(FleetConnectionTest, PushesAreThoseOfFlower) {
  flwr::proto::PushMessagesRequest messages;
  ASSERT_TRUE(messages.ParseFromString(Wire("PushMessages.req")));
  const ObjectTree tree = *FromProto(messages.message_object_trees(0), 100);
  Answer(Wire("PushMessages.res"));
  Answer(Wire("PushObject.res"));

  const StatusOr<PushTicket> ticket = connection_->PushMessages(
      messages.messages_list(0), tree, messages.clientapp_runtime_list(0), {});
  ASSERT_THAT(ticket, IsOk());
  EXPECT_EQ(LastBody(), ToHex(Wire("PushMessages.req")));
  EXPECT_EQ(ticket->objects_to_push, PostOrder(tree));

  flwr::proto::PushObjectRequest expected;
  ASSERT_TRUE(expected.ParseFromString(Wire("PushObject.req")));
  const Object object = *CheckObject(expected.object_id(), Bytes(expected.object_content()));
  const StatusOr<bool> stored = connection_->PushObject(kRunId, ticket->session_id, object, {});
  ASSERT_THAT(stored, IsOk());
  EXPECT_TRUE(*stored);
  flwr::proto::PushObjectRequest sent;
  ASSERT_TRUE(sent.ParseFromString(script_.seen.back().body));
  EXPECT_EQ(ToHex(sent.SerializeAsString()), ToHex(Wire("PushObject.req")));
}

TEST_F(FleetConnectionTest, AnswersOfFlowerAreUnderstood) {
  Answer(Wire("PullMessages.res"));
  Answer(Wire("PullMessages.res_empty"));
  Answer(Wire("Heartbeat.res"));
  Answer(Wire("PullObject.res"));

  const auto pulled = connection_->PullMessages({});
  ASSERT_THAT(pulled, IsOk());
  ASSERT_TRUE(pulled->has_value());
  EXPECT_EQ((*pulled)->metadata.run_id, kRunId);
  EXPECT_EQ((*pulled)->metadata.message_type, "train");
  ASSERT_THAT((*pulled)->tree, IsOk());
  EXPECT_EQ((*pulled)->tree->id, (*pulled)->metadata.message_id);
  EXPECT_EQ(*connection_->PullMessages({}), std::nullopt);
  EXPECT_TRUE(*connection_->SendNodeHeartbeat(30, {}));
  const StatusOr<PullObjectView> object =
      connection_->PullObject(kRunId, (*pulled)->metadata.message_id, {});
  ASSERT_THAT(object, IsOk());
  EXPECT_TRUE(object->found && object->available);
  EXPECT_THAT(CheckObject((*pulled)->metadata.message_id, object->content), IsOk());
}

TEST_F(FleetConnectionTest, EachObjectToPushIsNamedOnce) {
  flwr::proto::PushMessagesResponse response;
  for (const char* id : {"b", "a", "b"}) response.add_objects_to_push(id);
  Answer(response.SerializeAsString());

  EXPECT_THAT(connection_->PushMessages({}, {}, 0, {})->objects_to_push, ElementsAre("b", "a"));
}

TEST_F(FleetConnectionTest, AttemptsOfOneSecondShareASignature) {
  Answer(kUnreachable);
  Answer(kUnreachable);

  EXPECT_THAT(connection_->PullMessages({}), IsOk());

  EXPECT_THAT(clock_.sleeps(), ElementsAre(0.5, 1));
  ASSERT_EQ(script_.seen.size(), 3U);
  EXPECT_EQ(script_.seen[0].credentials.timestamp, script_.seen[1].credentials.timestamp);
  EXPECT_NE(script_.seen[1].credentials.timestamp, script_.seen[2].credentials.timestamp);
  const EcPublicKey key = *EcPublicKey::ParsePem(connection_->key().public_pem());
  for (const auto& call : script_.seen) {
    EXPECT_THAT(VerifyCredentials(call.credentials, key, clock_.Unix()), IsOk());
  }
}

TEST_F(FleetConnectionTest, RetriesEndWithThePolicy) {
  Use({1, std::nullopt});
  for (int i = 0; i < 3; ++i) Answer(kUnreachable);

  EXPECT_THAT(connection_->GetRun(kRunId, {}),
              StatusIs(StatusCode::kUnavailable, "GetRun: nobody there"));

  EXPECT_EQ(script_.seen.size(), 2U);
}

TEST_F(FleetConnectionTest, WhatMustNotOrNeedNotBeRepeatedIsNotRepeated) {
  for (int i = 0; i < 4; ++i) Answer(kUnreachable);

  EXPECT_FALSE(connection_->PushObject(kRunId, "session", {}, {}).ok());
  EXPECT_FALSE(connection_->DeactivateNode({}).ok());
  EXPECT_FALSE(connection_->UnregisterNode({}).ok());
  EXPECT_FALSE(connection_->ProbeRun(kRunId, {}).ok());

  EXPECT_EQ(script_.seen.size(), 4U);
}

TEST_F(FleetConnectionTest, RefusalsAndPermanentFailuresAreNotRepeated) {
  Answer(StatusFromHttp(403, "{}"));
  Answer(StatusFromHttp(500, "{}"));
  Answer(PermanentFailure("certificate"));

  EXPECT_THAT(connection_->GetRun(kRunId, {}), StatusIs(StatusCode::kPermissionDenied));
  EXPECT_THAT(connection_->GetRun(kRunId, {}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->GetRun(kRunId, {}), StatusIs(StatusCode::kUnavailable));

  EXPECT_EQ(script_.seen.size(), 3U);
}

TEST_F(FleetConnectionTest, AStopEndsTheRetries) {
  Answer(kUnreachable);
  std::stop_source stop;
  stop.request_stop();

  EXPECT_THAT(connection_->PullMessages(stop.get_token()), StatusIs(StatusCode::kCancelled));
}

TEST_F(FleetConnectionTest, AnswersThatAreNoProtobufAreErrors) {
  for (int i = 0; i < 6; ++i) Answer(std::string("\xff\xff\xff"));

  EXPECT_THAT(connection_->RegisterNode({}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->PullMessages({}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->PullObject(kRunId, "id", {}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->PushMessages({}, {}, 0, {}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->PushObject(kRunId, "s", {}, {}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(connection_->GetRun(kRunId, {}), StatusIs(StatusCode::kInternal));
}

TEST_F(FleetConnectionTest, AMessageWithABadTreeIsAMessageAllTheSame) {
  flwr::proto::PullMessagesResponse response;
  response.add_messages_list()->mutable_metadata()->set_message_id("id");
  Answer(response.SerializeAsString());
  response.add_message_object_trees()->set_object_id("no object id");
  Answer(response.SerializeAsString());

  for (int i = 0; i < 2; ++i) {
    const auto pulled = connection_->PullMessages({});
    ASSERT_THAT(pulled, IsOk());
    EXPECT_THAT((*pulled)->tree, StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST_F(FleetConnectionTest, ObjectsAreBoundedByTheLimitOfTheNode) {
  EXPECT_THAT(connection_->PullObject(kRunId, "id", {}), IsOk());

  EXPECT_GE(script_.seen.back().max_response_bytes, 1000U);
  EXPECT_LE(script_.seen.back().max_response_bytes, 10'000U);
}

TEST_F(FleetConnectionTest, AFabMustHaveTheHashOfTheRun) {
  flwr::proto::GetFabResponse response;
  response.mutable_fab()->set_content("abc");
  Answer(response.SerializeAsString());
  Answer(response.SerializeAsString());

  EXPECT_THAT(connection_->GetFab(std::string(64, '0'), kRunId, {}),
              StatusIs(StatusCode::kInvalidArgument, "hash"));
  const StatusOr<Bytes> fab = connection_->GetFab(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", kRunId, {});
  ASSERT_THAT(fab, IsOk());
  EXPECT_EQ(fab->view(), "abc");
}

TEST_F(FleetConnectionTest, ARunIsReadWithItsOverrides) {
  flwr::proto::GetRunResponse response;
  response.mutable_run()->set_fab_hash("hash");
  response.mutable_run()->set_series_id(9);
  (*response.mutable_run()->mutable_override_config())["lr"].set_double_(0.5);
  Answer(response.SerializeAsString());

  const StatusOr<RunDetails> run = connection_->GetRun(kRunId, {});

  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->fab_hash, "hash");
  EXPECT_EQ(run->series_id, 9U);
  EXPECT_EQ(*run->override_config.GetDouble("lr"), 0.5);
}

}  // namespace
}  // namespace flwrcpp::internal
