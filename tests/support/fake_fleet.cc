// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/fake_fleet.h"

#include <fmt/format.h>

#include <algorithm>

#include "flwr/proto/heartbeat.pb.h"
#include "records/wire.h"

namespace flwrcpp::testing {
namespace {

FleetAnswer Ok(const google::protobuf::MessageLite& response) {
  return {200, response.SerializeAsString(), false};
}

std::string Joined(const internal::Object& object) {
  return std::string(object.head.view()) + std::string(object.body.view());
}

template <typename Proto>
Proto Parse(const std::string& bytes) {
  Proto proto;
  proto.ParseFromString(bytes);
  return proto;
}

}  // namespace

FleetAnswer FleetError(int http_status, int code, const std::string& detail) {
  return {http_status, fmt::format(R"({{"code": {}, "detail": "{}"}})", code, detail), false};
}

FakeFleet::FakeFleet() { run_.set_run_id(kRunId); }

const std::map<std::string, FakeFleet::Handler>& FakeFleet::Handlers() {
  static const std::map<std::string, Handler> handlers = {
      {"RegisterNode", &FakeFleet::Register},
      {"ActivateNode", &FakeFleet::Activate},
      {"SendNodeHeartbeat", &FakeFleet::Heartbeat},
      {"PullMessages", &FakeFleet::Pull},
      {"GetRun", &FakeFleet::GetRun},
      {"GetFab", &FakeFleet::GetFab},
      {"PullObject", &FakeFleet::PullObject},
      {"ConfirmMessageReceived", &FakeFleet::Confirm},
      {"PushMessages", &FakeFleet::Push},
      {"PushObject", &FakeFleet::PushObject},
      {"DeactivateNode", &FakeFleet::Deactivate},
      {"UnregisterNode", &FakeFleet::Unregister}};
  return handlers;
}

FleetAnswer FakeFleet::Handle(const std::string& method, const std::string& request) {
  const std::lock_guard lock(mutex_);
  log_.push_back(method);
  requests_[method].push_back(request);
  changed_.notify_all();
  const auto handler = Handlers().find(method);
  if (handler == Handlers().end()) return {404, R"({"detail": "Not Found"})", false};
  std::deque<std::optional<FleetAnswer>>& script = scripts_[method];
  bool lose_answer = false;
  if (!script.empty()) {
    const std::optional<FleetAnswer> answer = std::move(script.front());
    script.pop_front();
    if (answer) return *answer;
    lose_answer = true;
  }
  if (const auto always = permanent_.find(method); always != permanent_.end()) {
    return always->second;
  }
  FleetAnswer answer = (this->*handler->second)(request);
  answer.lose_answer = lose_answer;
  changed_.notify_all();
  return answer;
}

std::string FakeFleet::Queue(RecordDict content, const std::string& type, bool uploaded) {
  const std::lock_guard lock(mutex_);
  Metadata metadata;
  metadata.run_id = kRunId;
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.dst_node_id = node_id_;
  metadata.created_at = UnixSeconds();
  metadata.ttl = 3600;
  metadata.message_type = type;
  metadata.src_task_id = 5;
  Message message(metadata, std::move(content));
  internal::DeflatedMessage deflated = internal::Deflate(message);
  message.metadata().message_id = deflated.root.id;
  std::map<std::string, std::string>& store = uploaded ? objects_ : uploads_;
  store[deflated.root.id] = Joined(deflated.root);
  for (const internal::Object& object : deflated.content->objects)
    store[object.id] = Joined(object);
  std::string id = deflated.root.id;
  instructions_.push_back({std::move(message), std::move(deflated)});
  return id;
}

std::string FakeFleet::Instruct(RecordDict content, const std::string& type) {
  return Queue(std::move(content), type, true);
}

std::string FakeFleet::InstructWithoutObjects(RecordDict content) {
  return Queue(std::move(content), "train", false);
}

void FakeFleet::Upload() {
  const std::lock_guard lock(mutex_);
  objects_.merge(uploads_);
}

void FakeFleet::Answer(const std::string& method, FleetAnswer answer) {
  const std::lock_guard lock(mutex_);
  scripts_[method].push_back(std::move(answer));
}

void FakeFleet::LoseAnswer(const std::string& method) {
  const std::lock_guard lock(mutex_);
  scripts_[method].push_back(std::nullopt);
}

void FakeFleet::AnswerAlways(const std::string& method, std::optional<FleetAnswer> answer) {
  const std::lock_guard lock(mutex_);
  if (answer) {
    permanent_[method] = *answer;
  } else {
    permanent_.erase(method);
  }
}

void FakeFleet::SetRun(const flwr::proto::Run& run) {
  const std::lock_guard lock(mutex_);
  run_ = run;
}

void FakeFleet::SetFab(const std::string& content) {
  const std::lock_guard lock(mutex_);
  fab_ = content;
}

void FakeFleet::StopRun() {
  const std::lock_guard lock(mutex_);
  run_stopped_ = true;
}

void FakeFleet::SetOnline(bool online) {
  const std::lock_guard lock(mutex_);
  online_ = online;
}

int FakeFleet::Calls(const std::string& method) {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(requests_[method].size());
}

bool FakeFleet::WaitForCalls(const std::string& method, int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience,
                           [&] { return static_cast<int>(requests_[method].size()) >= count; });
}

std::vector<std::string> FakeFleet::CallLog() {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::vector<std::string> FakeFleet::PulledObjects() {
  const std::lock_guard lock(mutex_);
  return pulled_;
}

std::vector<std::string> FakeFleet::Requests(const std::string& method) {
  const std::lock_guard lock(mutex_);
  return requests_[method];
}

std::optional<Message> FakeFleet::WaitForReply() {
  std::unique_lock lock(mutex_);
  std::deque<Reply>::iterator found;
  const bool came = changed_.wait_for(lock, kPatience, [&] {
    found = std::find_if(replies_.begin(), replies_.end(),
                         [](const Reply& reply) { return reply.missing.empty() && !reply.taken; });
    return found != replies_.end();
  });
  if (!came) return std::nullopt;
  found->taken = true;
  const StatusOr<Message> message =
      internal::Inflate(found->tree.id, [&](const std::string& id) -> StatusOr<internal::Object> {
        return internal::CheckObject(id, Bytes(objects_.at(id)));
      });
  if (!message.ok()) return std::nullopt;
  return *message;
}

FleetAnswer FakeFleet::Register(const std::string& request) {
  const auto key = Parse<flwr::proto::RegisterNodeFleetRequest>(request).public_key();
  if (!keys_.insert(key).second) return FleetError(412, 23, "Public key already in use");
  flwr::proto::RegisterNodeFleetResponse response;
  response.set_node_id(node_id_);
  return Ok(response);
}

FleetAnswer FakeFleet::Activate(const std::string& /*request*/) {
  if (online_) return FleetError(412, 2004, "Failed to activate node");
  online_ = true;
  flwr::proto::ActivateNodeResponse response;
  response.set_node_id(node_id_);
  return Ok(response);
}

FleetAnswer FakeFleet::Heartbeat(const std::string& request) {
  if (Parse<flwr::proto::SendNodeHeartbeatRequest>(request).node().node_id() != node_id_) {
    return {401, R"({"detail": "Invalid SuperNode authentication"})", false};
  }
  flwr::proto::SendNodeHeartbeatResponse response;
  response.set_success(true);
  return Ok(response);
}

FleetAnswer FakeFleet::Pull(const std::string& /*request*/) {
  flwr::proto::PullMessagesResponse response;
  if (!instructions_.empty()) {
    const Instruction& instruction = instructions_.front();
    internal::ToStub(instruction.message, *response.add_messages_list());
    internal::ToProto(instruction.deflated.tree, *response.add_message_object_trees());
    instructions_.pop_front();
  }
  return Ok(response);
}

FleetAnswer FakeFleet::GetRun(const std::string& /*request*/) {
  if (run_stopped_) return FleetError(403, 2007, "Run is not running");
  flwr::proto::GetRunResponse response;
  *response.mutable_run() = run_;
  return Ok(response);
}

FleetAnswer FakeFleet::GetFab(const std::string& request) {
  flwr::proto::GetFabResponse response;
  response.mutable_fab()->set_hash_str(Parse<flwr::proto::GetFabRequest>(request).hash_str());
  response.mutable_fab()->set_content(fab_);
  return Ok(response);
}

FleetAnswer FakeFleet::PullObject(const std::string& request) {
  if (run_stopped_) return FleetError(403, 2007, "Run is not running");
  const std::string id = Parse<flwr::proto::PullObjectRequest>(request).object_id();
  flwr::proto::PullObjectResponse response;
  const auto object = objects_.find(id);
  response.set_object_found(object != objects_.end() || uploads_.contains(id));
  if (object != objects_.end()) {
    pulled_.push_back(id);
    response.set_object_available(true);
    response.set_object_content(object->second);
  }
  return Ok(response);
}

FleetAnswer FakeFleet::Confirm(const std::string& /*request*/) {
  return Ok(flwr::proto::ConfirmMessageReceivedResponse());
}

FleetAnswer FakeFleet::Push(const std::string& request) {
  if (run_stopped_) return FleetError(403, 2007, "Run is not running");
  const auto push = Parse<flwr::proto::PushMessagesRequest>(request);
  if (push.messages_list_size() != 1 || push.message_object_trees_size() != 1) {
    return {500, "Internal Server Error", false};
  }
  const internal::ObjectTree tree = *internal::FromProto(push.message_object_trees(0), 10'000);
  auto reply = std::find_if(replies_.begin(), replies_.end(),
                            [&](const Reply& known) { return known.tree.id == tree.id; });
  if (reply == replies_.end()) {
    replies_.push_back({push.messages_list(0), tree, {}, false});
    reply = std::prev(replies_.end());
    for (const std::string& id : internal::PostOrder(tree)) {
      if (!objects_.contains(id)) reply->missing.insert(id);
    }
  }
  session_ = fmt::format("session-{}", ++sessions_);
  flwr::proto::PushMessagesResponse response;
  response.set_session_id(session_);
  (*response.mutable_results())[tree.id] = 0;
  for (const std::string& id : internal::PostOrder(tree)) {
    if (reply->missing.contains(id)) response.add_objects_to_push(id);
  }
  return Ok(response);
}

FleetAnswer FakeFleet::PushObject(const std::string& request) {
  if (run_stopped_) return FleetError(403, 2007, "Run is not running");
  const auto push = Parse<flwr::proto::PushObjectRequest>(request);
  flwr::proto::PushObjectResponse response;
  const bool valid = push.session_id() == session_ &&
                     internal::CheckObject(push.object_id(), Bytes(push.object_content())).ok();
  for (Reply& reply : replies_) {
    if (valid && reply.missing.erase(push.object_id()) != 0) {
      objects_[push.object_id()] = push.object_content();
      response.set_stored(true);
    }
  }
  return Ok(response);
}

FleetAnswer FakeFleet::Deactivate(const std::string& /*request*/) {
  online_ = false;
  return Ok(flwr::proto::DeactivateNodeResponse());
}

FleetAnswer FakeFleet::Unregister(const std::string& /*request*/) {
  return Ok(flwr::proto::UnregisterNodeFleetResponse());
}

}  // namespace flwrcpp::testing
