// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "records/wire.h"
#include "superlink/runs.h"
#include "superlink/runtime_service.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"

namespace flwrcpp::internal {

inline constexpr char kServerApp[] = "flwr-serverapp";

inline const auto kDeadToken = IsApiError(ApiErrorCode::kRuntimeAuthentication);

/// Instructions to be pushed, with all their objects.
struct Batch {
  flwr::proto::PushAppMessagesRequest request;
  std::map<std::string, Object> objects;
};

/// An executor and ServerApps, beside the nodes of FleetFixture.
class RuntimeFixture : public FleetFixture {
 protected:
  void SetUp() override {
    FleetFixture::SetUp();
    const auto clock = [this] { return now_; };
    runs_ = std::make_unique<Runs>(state_, *notifier_, clock);
    runtime_ = std::make_unique<RuntimeService>(state_, *notifier_, *runs_, *exchange_, clock);
    ASSERT_THAT(StoreFab(), flwrcpp::testing::IsOk());
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
    EXPECT_THAT(created, flwrcpp::testing::IsOk());
    return *created;
  }

  flwr::proto::AcquireTaskResponse Claim(const std::string& type = kServerApp) {
    flwr::proto::AcquireTaskRequest request;
    request.add_supported_task_types("flwr-other");
    request.add_supported_task_types(type);
    const auto claimed = runtime_->AcquireTask(request);
    EXPECT_THAT(claimed, flwrcpp::testing::IsOk());
    return *claimed;
  }

  /// Makes a run and starts its ServerApp. @return its token.
  std::string StartApp(std::uint64_t series_id = 0) {
    CreateRun(series_id);
    const std::string token = Claim().token();
    EXPECT_THAT(runtime_->PullTaskInput(token), flwrcpp::testing::IsOk());
    return token;
  }

  RunInfo RunOf(const std::string& token) {
    const StatusOr<RunInfo> run = runtime_->FindRun(token);
    EXPECT_THAT(run, flwrcpp::testing::IsOk());
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
    EXPECT_THAT(pushed, flwrcpp::testing::IsOk());
    for (const std::string& id : pushed->objects_to_push()) {
      const auto stored = Upload(run, batch, id, pushed->session_id());
      EXPECT_THAT(stored, flwrcpp::testing::IsOk());
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
    EXPECT_THAT(pulled, flwrcpp::testing::IsOk());
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
    EXPECT_THAT(tree, flwrcpp::testing::IsOk());
    EXPECT_EQ(tree->id, pulled.messages_list(index).metadata().message_id());
    std::map<std::string, Object> objects;
    for (const std::string& id : PostOrder(*tree)) {
      const auto stored = PullObject(run, id);
      EXPECT_THAT(stored, flwrcpp::testing::IsOk());
      EXPECT_EQ(stored->state, ObjectState::kAvailable);
      objects[id] = stored->object;
      seen_.insert(id);
    }
    flwr::proto::ConfirmMessageReceivedRequest confirmation;
    confirmation.set_message_object_id(tree->id);
    EXPECT_THAT(runtime_->ConfirmMessageReceived(run.run_id, confirmation),
                flwrcpp::testing::IsOk());
    const auto message = Inflate(
        tree->id, [&](const std::string& id) -> StatusOr<Object> { return objects.at(id); });
    EXPECT_THAT(message, flwrcpp::testing::IsOk());
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
    EXPECT_THAT(runtime_->PushTaskOutput(run, output), flwrcpp::testing::IsOk());
  }

  RunInfo Stored(const RunInfo& run) { return *state_.link_state->GetRun(run.run_id); }

  std::unique_ptr<Runs> runs_;
  std::unique_ptr<RuntimeService> runtime_;
  std::set<std::string> seen_;  ///< Objects of the replies that were fetched.
};

}  // namespace flwrcpp::internal
