// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/client_task.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>

#include "flwr/proto/heartbeat.pb.h"
#include "flwr/proto/runtime.pb.h"
#include "records/cpp_fab.h"
#include "records/object.h"
#include "records/wire.h"
#include "tests/support/fake_http_server.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::FakeHttpServer;
using flwrcpp::testing::HttpRequest;
using flwrcpp::testing::HttpResponse;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

constexpr std::uint64_t kNode = 77;
constexpr std::uint64_t kRun = 88;

/// A SuperNode with one task, which writes down what comes of it.
class FakeSuperNode {
 public:
  FakeSuperNode() : server_([this](const HttpRequest& request) { return Handle(request); }) {
    RecordDict content;
    ConfigRecord config;
    config.Set("lr", 0.5);
    content.Set("config", std::move(config));
    Message message(std::move(metadata_), std::move(content));
    const DeflatedMessage deflated = Deflate(message);
    message.metadata().message_id = deflated.root.id;
    ToStub(message, *pulled_.add_messages_list());
    ToProto(deflated.tree, *pulled_.add_message_object_trees());
    for (const Object& object : deflated.content->objects) Keep(object);
    Keep(deflated.root);

    input_.mutable_context()->set_run_id(kRun);
    input_.mutable_context()->set_node_id(kNode);
    UserConfig node_config;
    node_config.Set("partition-id", std::int64_t{3});
    ToProto(node_config, *input_.mutable_context()->mutable_node_config());
    RecordDict state;
    MetricRecord counter;
    counter.Set("count", std::int64_t{1});
    state.Set("counter", std::move(counter));
    ToProto(state, *input_.mutable_context()->mutable_state());
    input_.mutable_run()->set_run_id(kRun);
    input_.mutable_fab()->set_content(std::string(MakeCppFab({})->view()));
  }

  NodeOptions Options() const {
    NodeOptions options;
    options.superlink = server_.address();
    options.insecure = true;
    options.max_retries = 0;
    return options;
  }

  flwr::proto::PullAppMessagesResponse& pulled() { return pulled_; }
  const flwr::proto::PushTaskOutputRequest& output() const { return output_; }
  const flwr::proto::Message& reply() const { return reply_.messages_list(0); }

  /// The reply as it was uploaded.
  StatusOr<Message> Reply() const {
    return Inflate(reply_.message_object_trees(0).object_id(), [this](const std::string& id) {
      const auto found = uploaded_.find(id);
      return found == uploaded_.end() ? Status(StatusCode::kNotFound, id)
                                      : CheckObject(id, Bytes(found->second));
    });
  }

 private:
  void Keep(const Object& object) {
    objects_[object.id] = std::string(object.head.view()) + std::string(object.body.view());
  }

  HttpResponse Handle(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.headers.at("flwr-task-token") != "token") return {.status = 401};
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    if (name == "send-task-heartbeat") {
      flwr::proto::SendTaskHeartbeatResponse response;
      response.set_success(true);
      return {.body = response.SerializeAsString()};
    }
    if (name == "pull-task-input") return {.body = input_.SerializeAsString()};
    if (name == "pull-messages") return {.body = pulled_.SerializeAsString()};
    if (name == "pull-object") {
      flwr::proto::PullObjectRequest asked;
      asked.ParseFromString(request.body);
      flwr::proto::PullObjectResponse response;
      const auto found = objects_.find(asked.object_id());
      response.set_object_found(found != objects_.end());
      response.set_object_available(found != objects_.end());
      if (found != objects_.end()) response.set_object_content(found->second);
      return {.body = response.SerializeAsString()};
    }
    if (name == "push-messages") {
      reply_.ParseFromString(request.body);
      flwr::proto::PushAppMessagesResponse response;
      response.add_message_ids(reply_.message_object_trees(0).object_id());
      response.set_session_id("session");
      const auto tree = FromProto(reply_.message_object_trees(0), 1000);
      for (const std::string& id : PostOrder(*tree)) response.add_objects_to_push(id);
      return {.body = response.SerializeAsString()};
    }
    if (name == "push-object") {
      flwr::proto::PushObjectRequest pushed;
      pushed.ParseFromString(request.body);
      EXPECT_EQ(pushed.session_id(), "session");
      EXPECT_EQ(pushed.node().node_id(), kNode);
      uploaded_[pushed.object_id()] = pushed.object_content();
      flwr::proto::PushObjectResponse response;
      response.set_stored(true);
      return {.body = response.SerializeAsString()};
    }
    if (name == "push-task-output") output_.ParseFromString(request.body);
    return {};
  }

  Metadata metadata_ = [] {
    Metadata metadata;
    metadata.run_id = kRun;
    metadata.src_node_id = kSuperLinkNodeId;
    metadata.dst_node_id = kNode;
    metadata.message_type = "train";
    metadata.created_at = UnixSeconds();
    metadata.ttl = 600;
    return metadata;
  }();
  std::mutex mutex_;
  flwr::proto::PullTaskInputResponse input_;
  flwr::proto::PullAppMessagesResponse pulled_;
  flwr::proto::PushAppMessagesRequest reply_;
  flwr::proto::PushTaskOutputRequest output_;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::string> uploaded_;
  FakeHttpServer server_;  // last: its threads use the rest
};

TEST(ClientTask, AnswersTheMessageAndKeepsTheState) {
  FakeSuperNode node;
  ClientApp app;
  app.Train([](const Message& message, Context& context) -> StatusOr<Message> {
    EXPECT_EQ(context.node_id, kNode);
    EXPECT_EQ(*context.node_config.GetInt("partition-id"), 3);
    MetricRecord counter;
    const auto& before = std::get<MetricRecord>(*context.state.Find("counter"));
    counter.Set("count", *before.GetDouble("count") + 1);
    context.state.Set("counter", counter);
    RecordDict content = message.content();
    content.Set("metrics", std::move(counter));
    return Message::ReplyTo(message, std::move(content));
  });

  EXPECT_THAT(RunClientTask(app, node.Options(), {"token", nullptr}, {}), IsOk());

  const StatusOr<Message> reply = node.Reply();
  ASSERT_THAT(reply, IsOk());
  EXPECT_EQ(*std::get<ConfigRecord>(*reply->content().Find("config")).GetDouble("lr"), 0.5);
  EXPECT_EQ(reply->metadata().dst_node_id, kSuperLinkNodeId);
  EXPECT_EQ(reply->metadata().reply_to_message_id,
            node.pulled().messages_list(0).metadata().message_id());
  EXPECT_EQ(node.output().sub_status(), "completed");
  const StatusOr<RecordDict> state = FromProto(node.output().context().state());
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(*std::get<MetricRecord>(*state->Find("counter")).GetDouble("count"), 2);
}

TEST(ClientTask, SendsAnErrorReplyWhenTheAppFails) {
  FakeSuperNode node;
  ClientApp app;
  app.Train([](const Message&, Context& context) -> StatusOr<Message> {
    context.state = {};
    return Status(StatusCode::kInternal, "no disk left");
  });

  EXPECT_THAT(RunClientTask(app, node.Options(), {"token", nullptr}, {}), IsOk());

  EXPECT_EQ(node.reply().error().code(), 2);
  EXPECT_NE(node.reply().error().reason().find("no disk left"), std::string::npos);
  EXPECT_EQ(node.output().sub_status(), "failed");
  EXPECT_EQ(node.output().context().state().items_size(), 1) << "the state before the failure";
}

TEST(ClientTask, WithoutAMessageItFails) {
  FakeSuperNode node;
  node.pulled().Clear();

  EXPECT_THAT(RunClientTask(ClientApp(), node.Options(), {"token", nullptr}, {}),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(node.output().sub_status(), "failed");
}

TEST(ClientTask, AWrongTokenIsAnError) {
  FakeSuperNode node;

  EXPECT_THAT(RunClientTask(ClientApp(), node.Options(), {"another", nullptr}, {}),
              StatusIs(StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace flwrcpp::internal
