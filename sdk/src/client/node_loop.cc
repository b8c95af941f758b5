// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/node_loop.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "client/handler_error.h"
#include "client/reply.h"
#include "client/run_watch.h"
#include "flwr/proto/message.pb.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/fab.h"
#include "records/wire.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMaxRuns = 16;
/// Objects kept for the next message take no more than this.
constexpr std::size_t kMaxKeptBytes = std::size_t{256} << 20;
/// An empty answer that took this long was held back by a SuperLink that parks pulls.
constexpr double kParkedSeconds = 1;
/// The pause after an empty pull, as a part of the time since the last message: a wait gets
/// longer by 2 %, and a SuperLink is asked ever less often.
constexpr double kPausePart = 0.02;

/// Failures that concern the node, not the message at hand.
bool EndsNode(const Status& status) {
  return status.code() == StatusCode::kUnauthenticated ||
         status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kCancelled;
}

/// The metadata inside a message's root object. A stub may lack some of it.
std::optional<Metadata> MetadataOf(const ObjectMap& objects, const std::string& root_id) {
  const auto found = objects.find(root_id);
  flwr::proto::Message proto;
  if (found == objects.end() ||
      !proto.ParseFromArray(found->second.body.data(),
                            static_cast<int>(found->second.body.size()))) {
    return std::nullopt;
  }
  Metadata metadata = FromProto(proto.metadata());
  metadata.message_id = root_id;
  return metadata;
}

}  // namespace

NodeLoop::NodeLoop(const ClientApp& app, const NodeOptions& options, FleetConnection& connection,
                   Outbox& outbox, Clock& clock)
    : app_(app), options_(options), connection_(connection), outbox_(outbox), clock_(clock) {}

Status NodeLoop::Run(std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(outbox_.Flush(stop));
  while (!stop.stop_requested()) {
    Status status = PullNext(stop);
    if (EndsNode(status)) return status;
    if (!status.ok()) {
      // A stock node would stop here and stay idle for ever.
      Log(LogLevel::kError, "{}", std::string(status.message()));
      clock_.Sleep(options_.idle_poll_interval.count(), stop);
    }
  }
  return MakeError(StatusCode::kCancelled, "stop requested");
}

Status NodeLoop::PullNext(std::stop_token stop) {
  const double began = clock_.Monotonic();
  FLWRCPP_ASSIGN_OR_RETURN(const std::optional<PulledMessage> pulled,
                           connection_.PullMessages(stop));
  if (!pulled) {
    if (clock_.Monotonic() - began < kParkedSeconds) clock_.Sleep(Pause(), stop);
    return absl::OkStatus();
  }
  FLWRCPP_ASSIGN_OR_RETURN(std::optional<Message> reply, Answer(*pulled, stop));
  TrimObjects();
  if (reply) {
    outbox_.Add(*std::move(reply), runtime_seconds_);
    reply.reset();
    FLWRCPP_RETURN_IF_ERROR(outbox_.Flush(stop));
  }
  last_message_ = clock_.Monotonic();
  return absl::OkStatus();
}

double NodeLoop::Pause() {
  const double idle = options_.idle_poll_interval.count();
  if (!last_message_) return idle;
  const double waiting = clock_.Monotonic() - *last_message_;
  const double pause = std::max(options_.active_poll_interval.count(), waiting * kPausePart);
  if (pause < idle) return pause;
  // Nothing goes on any more.
  last_message_.reset();
  objects_ = {};
  return idle;
}

void NodeLoop::TrimObjects() {
  std::size_t size = 0;
  for (const auto& entry : objects_) size += entry.second.size();
  if (size > kMaxKeptBytes) objects_ = {};
}

StatusOr<std::optional<Message>> NodeLoop::Answer(const PulledMessage& pulled,
                                                  std::stop_token stop) {
  runtime_seconds_ = 0;
  Log(LogLevel::kInfo, "Receiving {}", Describe(pulled.metadata));
  const StatusOr<const RunMemory*> run = RecallRun(pulled.metadata.run_id, stop);
  if (!run.ok()) return Refuse(pulled, run.status());
  const StatusOr<Message> message = Receive(pulled, stop);
  if (!message.ok()) return Refuse(pulled, message.status());
  return Handle(*message, **run, std::move(stop));
}

/// An error reply for a message that never reached the ClientApp: without one the ServerApp would
/// wait until the message expires.
StatusOr<std::optional<Message>> NodeLoop::Refuse(const PulledMessage& pulled, const Status& why) {
  if (EndsNode(why)) return why;
  if (why.code() == StatusCode::kPermissionDenied) {
    Log(LogLevel::kInfo, "Run {} is not running any more; its message is dropped",
        pulled.metadata.run_id);
    return std::nullopt;
  }
  const std::string text(why.message());
  Log(LogLevel::kError, "Cannot receive {}: {}", Describe(pulled.metadata), text);
  const Message instruction(
      MetadataOf(objects_, pulled.metadata.message_id).value_or(pulled.metadata), Error{});
  return Message::ErrorReplyTo(instruction,
                               {static_cast<std::int64_t>(ErrorCode::kUnknown),
                                ToUtf8("the node cannot use the message: " + text)},
                               clock_.Unix());
}

StatusOr<Message> NodeLoop::Receive(const PulledMessage& pulled, std::stop_token stop) {
  FLWRCPP_RETURN_IF_ERROR(pulled.tree.status());
  const ObjectTree& tree = *pulled.tree;
  const Metadata& metadata = pulled.metadata;
  if (tree.id != metadata.message_id) {
    return InvalidArgument("its object tree is that of message {}", tree.id);
  }
  // What the new message does not share with the last one goes before the new objects come.
  const std::vector<std::string> ids = PostOrder(tree);
  const std::unordered_set<std::string_view> wanted(ids.begin(), ids.end());
  std::erase_if(objects_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  ObjectPullOptions limits;
  limits.concurrency = options_.concurrent_objects;
  limits.max_message_bytes = options_.max_message_bytes;
  const PullObjectFn pull = [&](const std::string& id, std::stop_token all) {
    return connection_.PullObject(metadata.run_id, id, std::move(all));
  };
  FLWRCPP_RETURN_IF_ERROR(PullObjects(pull, clock_, limits, tree, objects_, stop));

  const Status confirmed =
      connection_.ConfirmMessageReceived(metadata.run_id, metadata.message_id, std::move(stop));
  if (EndsNode(confirmed) || confirmed.code() == StatusCode::kPermissionDenied) return confirmed;
  if (!confirmed.ok()) {  // costs the SuperLink memory, no more
    Log(LogLevel::kWarning, "{}", std::string(confirmed.message()));
  }
  return Inflate(metadata.message_id, [&](const std::string& id) -> StatusOr<Object> {
    const auto found = objects_.find(id);
    if (found != objects_.end()) return found->second;
    return InvalidArgument("object {} is not in the message's object tree", id);
  });
}

std::optional<Message> NodeLoop::Handle(const Message& message, const RunMemory& run,
                                        std::stop_token stop) {
  std::stop_source work;
  const std::stop_callback forward(stop, [&work] { work.request_stop(); });
  Context context;
  context.run_id = run.run_id;
  context.node_id = connection_.node_id();
  context.node_config = options_.node_config;
  context.run_config = run.run_config;
  context.state = StateOf(run.state_key);
  context.stop = work.get_token();

  StatusOr<Message> reply = MakeError(StatusCode::kUnknown, "the ClientApp was not called");
  {
    const RunWatch watch(connection_, clock_, run.run_id, work);
    const double began = clock_.Monotonic();
    reply = app_.Handle(message, context);
    runtime_seconds_ = clock_.Monotonic() - began;
    if (watch.run_is_over() || stop.stop_requested()) return std::nullopt;
  }
  if (reply.ok()) StateOf(run.state_key) = std::move(context.state);
  return MakeReply(message, reply, clock_.Unix());
}

StatusOr<const NodeLoop::RunMemory*> NodeLoop::RecallRun(std::uint64_t run_id,
                                                         std::stop_token stop) {
  const auto known = std::find_if(runs_.begin(), runs_.end(),
                                  [&](const RunMemory& run) { return run.run_id == run_id; });
  if (known != runs_.end()) {
    runs_.splice(runs_.begin(), runs_, known);
    return &runs_.front();
  }
  FLWRCPP_ASSIGN_OR_RETURN(const RunDetails info, connection_.GetRun(run_id, stop));
  FLWRCPP_ASSIGN_OR_RETURN(UserConfig config, FetchRunConfig(run_id, info, std::move(stop)));
  runs_.push_front({run_id, std::move(config), info.series_id != 0 ? info.series_id : run_id});
  if (runs_.size() > kMaxRuns) runs_.pop_back();
  return &runs_.front();
}

StatusOr<UserConfig> NodeLoop::FetchRunConfig(std::uint64_t run_id, const RunDetails& info,
                                              std::stop_token stop) {
  if (info.fab_hash.empty()) return info.override_config;
  FLWRCPP_ASSIGN_OR_RETURN(const Bytes fab,
                           connection_.GetFab(info.fab_hash, run_id, std::move(stop)));
  FLWRCPP_ASSIGN_OR_RETURN(UserConfig defaults, ReadFabConfig(fab));
  return Overlay(std::move(defaults), info.override_config);
}

RecordDict& NodeLoop::StateOf(std::uint64_t key) {
  const auto known = std::find_if(states_.begin(), states_.end(),
                                  [&](const StateMemory& memory) { return memory.key == key; });
  if (known != states_.end()) {
    states_.splice(states_.begin(), states_, known);
  } else {
    states_.push_front({key, {}});
    if (states_.size() > kMaxRuns) states_.pop_back();
  }
  return states_.front().state;
}

}  // namespace flwrcpp::internal
