// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/runtime_service.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "records/wire.h"
#include "superlink/runs.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

constexpr char kServerApp[] = "flwr-serverapp";

/// Instructions to be pushed, with all their objects.
struct Batch {
  flwr::proto::PushAppMessagesRequest request;
  std::map<std::string, Object> objects;
};

/// An executor and ServerApps, beside the nodes of FleetFixture.
class RuntimeServiceTest : public FleetFixture {
 protected:
  void SetUp() override {
    FleetFixture::SetUp();
    const auto clock = [this] { return now_; };
    runs_ = std::make_unique<Runs>(state_, *notifier_, clock);
    runtime_ = std::make_unique<RuntimeService>(state_, *notifier_, *runs_, *exchange_, clock);
    ASSERT_THAT(StoreFab(), IsOk());
  }

  Status StoreFab(const std::string& hash = "hash") {
    return state_.run_archive->StoreFab(hash, Bytes(std::string("the fab")));
  }

  RunInfo CreateRun(std::uint64_t series_id = 0, const std::string& fab_hash = "hash") {
    NewRun run;
    run.fab_id = "acme/app";
    run.fab_hash = fab_hash;
    run.series_id = series_id;
    run.override_config.Set("learning-rate", 0.5);
    const StatusOr<RunInfo> created = runs_->Create(run);
    EXPECT_THAT(created, IsOk());
    return *created;
  }

  flwr::proto::AcquireTaskResponse Claim(const std::string& type = kServerApp) {
    flwr::proto::AcquireTaskRequest request;
    request.add_supported_task_types("flwr-other");
    request.add_supported_task_types(type);
    const auto claimed = runtime_->AcquireTask(request);
    EXPECT_THAT(claimed, IsOk());
    return *claimed;
  }

  /// Makes a run and starts its ServerApp. @return its token.
  std::string StartApp(std::uint64_t series_id = 0) {
    CreateRun(series_id);
    const std::string token = Claim().token();
    EXPECT_THAT(runtime_->PullTaskInput(token), IsOk());
    return token;
  }

  RunInfo RunOf(const std::string& token) {
    const StatusOr<RunInfo> run = runtime_->FindRun(token);
    EXPECT_THAT(run, IsOk());
    return *run;
  }

  Message Instruction(const RunInfo& run, std::uint64_t node_id, float value = 1) {
    Message message = Train(node_id, value);
    message.metadata().run_id = run.run_id;
    message.metadata().src_node_id = kSuperLinkNodeId;
    message.metadata().created_at = now_;
    return message;
  }

  /// @return the message's id.
  static std::string Add(Batch& batch, const Message& message) {
    const DeflatedMessage deflated = Deflate(message);
    Message stamped = message;
    stamped.metadata().message_id = deflated.root.id;
    ToStub(stamped, *batch.request.add_messages_list());
    ToProto(deflated.tree, *batch.request.add_message_object_trees());
    for (const Object& object : ObjectsOf(deflated)) batch.objects[object.id] = object;
    return deflated.root.id;
  }

  StatusOr<flwr::proto::PushObjectResponse> Upload(const RunInfo& run, const Batch& batch,
                                                   const std::string& object_id,
                                                   const std::string& session_id,
                                                   std::uint64_t node_id = kSuperLinkNodeId) {
    return runtime_->PushObject(run.run_id, node_id, object_id, session_id,
                                Bytes(BytesOf(batch.objects.at(object_id))));
  }

  /// Pushes messages and uploads what is asked for. @return the ids answered.
  std::vector<std::string> PushAll(const RunInfo& run, const Batch& batch) {
    const auto pushed = runtime_->PushMessages(run, batch.request);
    EXPECT_THAT(pushed, IsOk());
    for (const std::string& id : pushed->objects_to_push()) {
      const auto stored = Upload(run, batch, id, pushed->session_id());
      EXPECT_THAT(stored, IsOk());
      EXPECT_TRUE(stored->stored());
    }
    return {pushed->message_ids().begin(), pushed->message_ids().end()};
  }

  /// One instruction, pushed whole. @return its id.
  std::string PushOne(const RunInfo& run, std::uint64_t node_id) {
    Batch batch;
    Add(batch, Instruction(run, node_id));
    return PushAll(run, batch).front();
  }

  /// Has the node work on its next instruction.
  void LetAnswer(std::uint64_t node_id, float value) {
    Answer(node_id, Message::ReplyTo(Fetch(node_id, Pull(node_id)), Content(value), now_));
  }

  flwr::proto::PullAppMessagesResponse PullReplies(const RunInfo& run,
                                                   const std::vector<std::string>& ids) {
    auto pulled = runtime_->PullMessages(run.run_id, ids);
    EXPECT_THAT(pulled, IsOk());
    EXPECT_EQ(pulled->messages_list_size(), pulled->message_object_trees_size());
    return *std::move(pulled);
  }

  StatusOr<StoredObject> PullObject(const RunInfo& run, const std::string& object_id,
                                    std::uint64_t node_id = kSuperLinkNodeId) {
    flwr::proto::PullObjectRequest request;
    request.mutable_node()->set_node_id(node_id);
    request.set_run_id(run.run_id);
    request.set_object_id(object_id);
    return runtime_->PullObject(run.run_id, request);
  }

  /// Pulls the objects of a reply, confirms it and puts it together.
  Message FetchReply(const RunInfo& run, const flwr::proto::PullAppMessagesResponse& pulled,
                     int index = 0) {
    const auto tree = FromProto(pulled.message_object_trees(index), 1000);
    EXPECT_THAT(tree, IsOk());
    EXPECT_EQ(tree->id, pulled.messages_list(index).metadata().message_id());
    std::map<std::string, Object> objects;
    for (const std::string& id : PostOrder(*tree)) {
      const auto stored = PullObject(run, id);
      EXPECT_THAT(stored, IsOk());
      EXPECT_EQ(stored->state, ObjectState::kAvailable);
      objects[id] = stored->object;
      seen_.insert(id);
    }
    flwr::proto::ConfirmMessageReceivedRequest confirmation;
    confirmation.set_message_object_id(tree->id);
    EXPECT_THAT(runtime_->ConfirmMessageReceived(run.run_id, confirmation), IsOk());
    const auto message = Inflate(
        tree->id, [&](const std::string& id) -> StatusOr<Object> { return objects.at(id); });
    EXPECT_THAT(message, IsOk());
    return *message;
  }

  bool IsKept(const RunInfo& run, const std::string& object_id) {
    return state_.object_store->Get(run.run_id, object_id)->state != ObjectState::kNotFound;
  }

  void FinishAs(const RunInfo& run, const std::string& sub_status,
                const std::string& details = "") {
    flwr::proto::PushTaskOutputRequest output;
    output.set_sub_status(sub_status);
    output.set_details(details);
    EXPECT_THAT(runtime_->PushTaskOutput(run, output), IsOk());
  }

  RunInfo Stored(const RunInfo& run) { return *state_.link_state->GetRun(run.run_id); }

  std::unique_ptr<Runs> runs_;
  std::unique_ptr<RuntimeService> runtime_;
  std::set<std::string> seen_;  ///< Objects of the replies that were fetched.
};

const auto kDeadToken = IsApiError(ApiErrorCode::kRuntimeAuthentication);

TEST_P(RuntimeServiceTest, AClaimTakesTheOldestRunOfAKnownType) {
  EXPECT_EQ(Claim().ByteSizeLong(), 0u);
  const RunInfo first = CreateRun();
  now_ += 1;
  const RunInfo second = CreateRun();
  EXPECT_EQ(Claim("flwr-simulation").ByteSizeLong(), 0u);

  const auto claimed = Claim();

  EXPECT_EQ(claimed.token().size(), 256u);
  EXPECT_EQ(claimed.task().run_id(), first.run_id);
  EXPECT_EQ(claimed.task().task_id(), first.primary_task_id);
  EXPECT_EQ(claimed.task().type(), kServerApp);
  EXPECT_EQ(claimed.task().status().status(), "pending") << "as it was before the claim";
  EXPECT_EQ(Claim().task().run_id(), second.run_id);
  EXPECT_EQ(Claim().ByteSizeLong(), 0u);
  EXPECT_THAT(runtime_->FindRun("no token"), kDeadToken);
  EXPECT_THAT(runtime_->FindRun(""), kDeadToken);
}

TEST_P(RuntimeServiceTest, InputIsAllThatAServerAppNeedsToStart) {
  const RunInfo run = CreateRun();
  const std::string token = Claim().token();

  const auto input = runtime_->PullTaskInput(token);

  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->task_id(), run.primary_task_id);
  EXPECT_EQ(input->fab().content(), "the fab");
  EXPECT_EQ(input->fab().hash_str(), "hash");
  EXPECT_EQ(input->run().run_id(), run.run_id);
  EXPECT_EQ(input->run().fab_id(), "acme/app");
  EXPECT_EQ(input->run().override_config().at("learning-rate").double_(), 0.5);
  EXPECT_EQ(input->run().status().status(), "starting") << "as it was before";
  EXPECT_EQ(input->context().run_id(), run.run_id);
  EXPECT_EQ(input->context().node_id(), 1u);
  EXPECT_EQ(input->context().series_id(), run.series_id);
  EXPECT_TRUE(input->context().has_state());
  EXPECT_EQ(input->context().state().items_size(), 0);
  EXPECT_EQ(Stored(run).status(), RunStatus::kRunning);
  EXPECT_THAT(runtime_->PullTaskInput(token), IsApiError(ApiErrorCode::kTaskStartFailed));
  EXPECT_THAT(runtime_->PullTaskInput("no token"), kDeadToken);
}

TEST_P(RuntimeServiceTest, ARunWithoutItsFabDoesNotStartAndCanBeClaimedAgain) {
  const RunInfo run = CreateRun(0, "lost");
  const std::string token = Claim().token();

  EXPECT_THAT(runtime_->PullTaskInput(token), IsApiError(ApiErrorCode::kFabNotFound));

  EXPECT_EQ(Stored(run).status(), RunStatus::kStarting);
  now_ += 31;
  const std::string next = Claim().token();
  ASSERT_FALSE(next.empty());
  EXPECT_NE(next, token);
  EXPECT_THAT(runtime_->PullTaskInput(token), kDeadToken);
  ASSERT_THAT(StoreFab("lost"), IsOk());
  EXPECT_THAT(runtime_->PullTaskInput(next), IsOk());
}

TEST_P(RuntimeServiceTest, HeartbeatsKeepARunAndItFailsWithoutThem) {
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  now_ += 59;
  const auto heartbeat = runtime_->SendTaskHeartbeat(token);
  ASSERT_THAT(heartbeat, IsOk());
  EXPECT_TRUE(heartbeat->success());
  now_ += 59;
  EXPECT_THAT(runtime_->FindRun(token), IsOk());

  now_ += 2;

  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_EQ(Stored(run).sub_status, "failed");
}

TEST_P(RuntimeServiceTest, TellsOfNodesThatAreOnline) {
  const std::uint64_t here = OnlineNode("here");
  ASSERT_THAT(service_->DeactivateNode(OnlineNode("gone")), IsOk());

  const auto response = runtime_->GetNodes();

  ASSERT_THAT(response, IsOk());
  ASSERT_EQ(response->nodes_size(), 1);
  EXPECT_EQ(response->nodes(0).node_id(), here);
  EXPECT_EQ(response->nodes(0).status(), "online");
}

TEST_P(RuntimeServiceTest, AnswersOneIdForEachMessageEmptyForOneThatHasNoNode) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  const std::string first_id = Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, first + second));
  const std::string second_id = Add(batch, Instruction(run, second));

  EXPECT_THAT(PushAll(run, batch), ElementsAre(first_id, "", second_id));

  EXPECT_EQ(Fetch(first, Pull(first)).metadata().message_type, "train");
  EXPECT_EQ(Fetch(second, Pull(second)).content(), Content(1));
}

TEST_P(RuntimeServiceTest, StoresNothingOfAPushWithAMalformedMessage) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::uint64_t other_run = RunOf(StartApp()).run_id;
  Batch whole;
  const std::string good = Add(whole, Instruction(run, node_id, 1));
  Add(whole, Instruction(run, node_id, 2));
  const std::map<std::string, std::function<void(flwr::proto::PushAppMessagesRequest&)>> faults = {
      {"an unknown type",
       [](auto& push) {
         push.mutable_messages_list(1)->mutable_metadata()->set_message_type("drain");
       }},
      {"neither content nor error",
       [](auto& push) { push.mutable_messages_list(1)->clear_content(); }},
      {"no ttl", [](auto& push) { push.mutable_messages_list(1)->mutable_metadata()->set_ttl(0); }},
      {"another source",
       [](auto& push) { push.mutable_messages_list(1)->mutable_metadata()->set_src_node_id(7); }},
      {"another tree",
       [](auto& push) {
         push.mutable_message_object_trees(1)->set_object_id(std::string(64, 'a'));
       }},
      {"another run",
       [&](auto& push) {
         push.mutable_messages_list(1)->mutable_metadata()->set_run_id(other_run);
       }},
      {"a tree too few", [](auto& push) { push.mutable_message_object_trees()->RemoveLast(); }},
      {"a message too few", [](auto& push) { push.mutable_messages_list()->RemoveLast(); }},
      {"no messages", [](auto& push) { push.Clear(); }},
  };

  for (const auto& [what, spoil] : faults) {
    SCOPED_TRACE(what);
    flwr::proto::PushAppMessagesRequest push = whole.request;
    spoil(push);
    EXPECT_THAT(runtime_->PushMessages(run, push), StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(state_.link_state->GetMessageMetadata(good), StatusIs(StatusCode::kNotFound));
    EXPECT_FALSE(IsKept(run, good));
  }
  EXPECT_THAT(PushAll(run, whole), ElementsAre(good, ::testing::Not("")));
}

TEST_P(RuntimeServiceTest, SharedObjectsAreUploadedOnceAndNodesWaitForThem) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, second));

  const auto pushed = runtime_->PushMessages(run, batch.request);

  ASSERT_THAT(pushed, IsOk());
  const std::set<std::string> wanted(pushed->objects_to_push().begin(),
                                     pushed->objects_to_push().end());
  EXPECT_EQ(wanted.size(), static_cast<std::size_t>(pushed->objects_to_push_size()));
  EXPECT_EQ(wanted.size(), batch.objects.size());
  for (const std::string& id : pushed->objects_to_push()) {
    // Half of what is there would be of no use to a node.
    EXPECT_EQ(Pull(first).messages_list_size() + Pull(second).messages_list_size(), 0);
    EXPECT_TRUE(Upload(run, batch, id, pushed->session_id())->stored());
  }
  EXPECT_EQ(Fetch(first, Pull(first)).content(), Content(1));
  EXPECT_EQ(Fetch(second, Pull(second)).content(), Content(1));
}

TEST_P(RuntimeServiceTest, ObjectsAreOfTheServerAppAndItsRun) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const RunInfo other = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  const auto pushed = runtime_->PushMessages(run, batch.request);
  ASSERT_THAT(pushed, IsOk());
  const std::string id = pushed->objects_to_push(0);
  const std::string session = pushed->session_id();
  const auto kWrongNode = IsApiError(ApiErrorCode::kUnexpectedNodeId);

  EXPECT_THAT(Upload(run, batch, id, session, node_id), kWrongNode);
  EXPECT_THAT(Upload(run, batch, id, session, 0), kWrongNode);
  EXPECT_THAT(PullObject(run, id, node_id), kWrongNode);
  EXPECT_FALSE(Upload(other, batch, id, session)->stored());
  EXPECT_FALSE(Upload(run, batch, id, "no session")->stored());
  EXPECT_FALSE(
      runtime_->PushObject(run.run_id, 1, id, session, Bytes(std::string("no object")))->stored());
  EXPECT_EQ(PullObject(run, id)->state, ObjectState::kUnavailable);
  EXPECT_TRUE(Upload(run, batch, id, session)->stored());
  EXPECT_EQ(PullObject(run, id)->state, ObjectState::kAvailable);
  EXPECT_EQ(PullObject(other, id)->state, ObjectState::kNotFound);
}

TEST_P(RuntimeServiceTest, ARoundLeavesNothingBehind) {
  const std::uint64_t first = OnlineNode("first");
  const std::uint64_t second = OnlineNode("second");
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  Batch batch;
  Add(batch, Instruction(run, first));
  Add(batch, Instruction(run, second));
  const std::vector<std::string> ids = PushAll(run, batch);
  LetAnswer(first, 3);

  const auto early = PullReplies(run, ids);
  ASSERT_EQ(early.messages_list_size(), 1);
  EXPECT_EQ(early.messages_list(0).metadata().reply_to_message_id(), ids[0]);
  EXPECT_EQ(early.messages_list(0).metadata().src_node_id(), first);
  EXPECT_EQ(FetchReply(run, early).content(), Content(3));
  EXPECT_EQ(PullReplies(run, {ids[1]}).ByteSizeLong(), 0u);
  LetAnswer(second, 4);
  EXPECT_EQ(FetchReply(run, PullReplies(run, {ids[1]})).content(), Content(4));

  for (const auto& [id, object] : batch.objects) EXPECT_FALSE(IsKept(run, id));
  EXPECT_GE(seen_.size(), 2u);
  for (const std::string& id : seen_) EXPECT_FALSE(IsKept(run, id));
  FinishAs(run, "completed", "fine");
  EXPECT_EQ(Stored(run).sub_status, "completed");
  EXPECT_EQ(Stored(run).details, "fine");
  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_THAT(runtime_->PullTaskInput(token), kDeadToken);
}

TEST_P(RuntimeServiceTest, ARunEndsOnceAndOnlyAsRunsDo) {
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  const auto output = [&](const std::string& sub_status) {
    flwr::proto::PushTaskOutputRequest request;
    request.set_sub_status(sub_status);
    (*request.mutable_context()->mutable_run_config())["by"].set_string(sub_status);
    EXPECT_THAT(runtime_->PushTaskOutput(run, request), IsOk());
  };
  const auto kept_context = [&] {
    flwr::proto::Context context;
    const auto kept = state_.run_archive->GetContext(run.series_id);
    EXPECT_TRUE(!kept.ok() || context.ParseFromString(*kept));
    return context.run_config().contains("by") ? context.run_config().at("by").string() : "none";
  };

  for (const char* word : {"", "done", "Completed", "running"}) {
    output(word);
    EXPECT_EQ(Stored(run).status(), RunStatus::kRunning) << word;
    EXPECT_EQ(kept_context(), "none") << word;
    EXPECT_THAT(runtime_->FindRun(token), IsOk());
  }
  output("completed");
  output("failed");

  EXPECT_EQ(Stored(run).sub_status, "completed");
  EXPECT_EQ(kept_context(), "completed");
  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
}

TEST_P(RuntimeServiceTest, WhatAFinishedRunLeftIsCleared) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  PushAll(run, batch);

  FinishAs(run, "failed", "crashed");

  for (const auto& [id, object] : batch.objects) EXPECT_FALSE(IsKept(run, id));
  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
}

TEST_P(RuntimeServiceTest, AnErrorMadeHereIsPulledAndConfirmedLikeAReply) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  Batch batch;
  Add(batch, Instruction(run, node_id));
  const std::string id = PushAll(run, batch).front();
  ASSERT_THAT(service_->DeactivateNode(node_id), IsOk());
  now_ += 1;

  const auto pulled = PullReplies(run, {id});

  ASSERT_EQ(pulled.messages_list_size(), 1);
  const flwr::proto::Message& stub = pulled.messages_list(0);
  EXPECT_EQ(stub.error().code(), static_cast<int>(ErrorCode::kNodeUnavailable));
  EXPECT_EQ(stub.metadata().message_id().size(), 64u);
  EXPECT_EQ(stub.metadata().reply_to_message_id(), id);
  const Message reply = FetchReply(run, pulled);
  ASSERT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error().code, static_cast<int>(ErrorCode::kNodeUnavailable));
  EXPECT_FALSE(IsKept(run, stub.metadata().message_id()));
  for (const auto& [object_id, object] : batch.objects) EXPECT_FALSE(IsKept(run, object_id));
}

TEST_P(RuntimeServiceTest, AnUnknownInstructionHasAnErrorForAReply) {
  const RunInfo run = RunOf(StartApp());

  const auto pulled = PullReplies(run, {std::string(64, 'a'), std::string(64, 'b')});

  ASSERT_EQ(pulled.messages_list_size(), 2);
  for (const int i : {0, 1}) {
    const Message reply = FetchReply(run, pulled, i);
    ASSERT_TRUE(reply.has_error());
    EXPECT_EQ(reply.error().code, static_cast<int>(ErrorCode::kMessageUnavailable));
  }
}

TEST_P(RuntimeServiceTest, AReplyIsHandedOutToItsRunUntilItIsConfirmed) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const RunInfo other = RunOf(StartApp());
  const std::string id = PushOne(run, node_id);
  LetAnswer(node_id, 3);
  const auto lost = PullReplies(run, {id});
  ASSERT_EQ(lost.messages_list_size(), 1);

  std::vector<std::string> open = {id};
  ASSERT_THAT(runtime_->RemoveAnswered(run.run_id, open), IsOk());
  EXPECT_TRUE(open.empty());
  EXPECT_THAT(runtime_->PullMessages(other.run_id, {&id, 1}),
              StatusIs(StatusCode::kPermissionDenied));
  const auto again = PullReplies(run, {id});
  EXPECT_EQ(again.SerializeAsString(), lost.SerializeAsString());
  EXPECT_EQ(FetchReply(run, again).content(), Content(3));

  EXPECT_EQ(PullReplies(run, {id}).messages_list(0).error().code(),
            static_cast<int>(ErrorCode::kMessageUnavailable));
  EXPECT_FALSE(IsKept(run, id));
}

TEST_P(RuntimeServiceTest, AnErrorMadeHereIsTheSameInEachPull) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::string id = PushOne(run, node_id);
  ASSERT_THAT(service_->DeactivateNode(node_id), IsOk());
  now_ += 1;
  const auto lost = PullReplies(run, {id});
  now_ += 1;

  const auto again = PullReplies(run, {id});

  EXPECT_EQ(again.SerializeAsString(), lost.SerializeAsString());
  EXPECT_EQ(FetchReply(run, again).error().code, static_cast<int>(ErrorCode::kNodeUnavailable));
}

TEST_P(RuntimeServiceTest, TellsWhichInstructionsAreAnswered) {
  const std::uint64_t node_id = OnlineNode("key");
  const RunInfo run = RunOf(StartApp());
  const std::string first = PushOne(run, node_id);
  now_ += 1;
  const std::string second = PushOne(run, node_id);
  ASSERT_NE(first, second);
  LetAnswer(node_id, 3);
  std::vector<std::string> open = {first, second};

  const StatusOr<double> next = runtime_->RemoveAnswered(run.run_id, open);

  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(open, ElementsAre(second));
  EXPECT_EQ(*next, now_ - 1 + 60) << "when the node is no longer taken for online";
  const RunInfo other = RunOf(StartApp());
  EXPECT_THAT(runtime_->RemoveAnswered(other.run_id, open),
              StatusIs(StatusCode::kPermissionDenied));
}

TEST_P(RuntimeServiceTest, TheNextRunOfASeriesGoesOnWithItsContext) {
  const RunInfo first = RunOf(StartApp());
  flwr::proto::PushTaskOutputRequest output;
  output.set_sub_status("completed");
  flwr::proto::Context& context = *output.mutable_context();
  context.set_run_id(first.run_id);
  context.set_node_id(1);
  flwr::proto::RecordDict::Item& item = *context.mutable_state()->add_items();
  item.set_key("kept");
  item.mutable_config_record();
  EXPECT_THAT(runtime_->PushTaskOutput(first, output), IsOk());

  const RunInfo second = CreateRun(first.series_id);
  const auto input = runtime_->PullTaskInput(Claim().token());

  ASSERT_THAT(input, IsOk());
  EXPECT_EQ(input->context().run_id(), second.run_id);
  EXPECT_EQ(input->context().series_id(), first.series_id);
  ASSERT_EQ(input->context().state().items_size(), 1);
  EXPECT_EQ(input->context().state().items(0).key(), "kept");
  CreateRun();  // of a series of its own
  EXPECT_EQ(runtime_->PullTaskInput(Claim().token())->context().state().items_size(), 0);
}

TEST_P(RuntimeServiceTest, StoppingARunEndsItsToken) {
  const std::uint64_t node_id = OnlineNode("key");
  const std::string token = StartApp();
  const RunInfo run = RunOf(token);
  PushOne(run, node_id);

  ASSERT_THAT(runs_->Finish(run.run_id, "stopped", ""), IsOk());

  EXPECT_THAT(runtime_->FindRun(token), kDeadToken);
  EXPECT_THAT(runtime_->SendTaskHeartbeat(token), kDeadToken);
  EXPECT_EQ(Pull(node_id).messages_list_size(), 0);
  FinishAs(run, "completed");
  EXPECT_EQ(Stored(run).sub_status, "stopped");
}

TEST_P(RuntimeServiceTest, LogsOfAServerAppAreOfItsRun) {
  const RunInfo run = RunOf(StartApp());
  flwr::proto::PushLogsRequest request;
  request.set_run_id(run.run_id + 1);  // not trusted
  request.add_logs("one\n");
  request.add_logs("two\n");

  EXPECT_THAT(runtime_->PushLogs(run, request), IsOk());

  EXPECT_EQ(state_.run_archive->ReadLog(run.run_id, 0)->text, "one\ntwo\n");
}

FLWRCPP_FOR_BOTH_STATES(RuntimeServiceTest);

}  // namespace
}  // namespace flwrcpp::internal
