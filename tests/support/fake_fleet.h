// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flwr/proto/fleet.pb.h"
#include "flwrcpp/message.h"
#include "records/object.h"

namespace flwrcpp::testing {

/// What a SuperLink answers to one Fleet call, before a transport dresses it.
struct FleetAnswer {
  int http_status = 200;
  std::string body;          ///< A serialized response, or JSON if the status is not 200.
  bool lose_answer = false;  ///< The connection ends instead.
};

/// The JSON of an error out of Flower's catalogue.
FleetAnswer FleetError(int http_status, int code, const std::string& detail);

/// A little SuperLink for one node: hands out instructions, takes replies, and does what a test
/// tells it wherever the test wants to see something go wrong. Has no transport of its own.
/// Thread-safe.
class FakeFleet {
 public:
  static constexpr std::uint64_t kRunId = 77;
  static constexpr std::chrono::seconds kPatience{20};

  FakeFleet();

  // --- What a test prepares ---------------------------------------------------------------------

  /// Queues an instruction for the node.
  /// @return its message id.
  std::string Instruct(RecordDict content, const std::string& type = "train");
  /// As `Instruct()`, but the objects are not there before `Upload()`.
  std::string InstructWithoutObjects(RecordDict content);
  void Upload();

  /// Lets the next call of `method` be answered by `answer` in place of the fake. Queued: a second
  /// one is for the call after that.
  void Answer(const std::string& method, FleetAnswer answer);
  /// Lets the next call of `method` be carried out, but its answer be lost.
  void LoseAnswer(const std::string& method);
  /// Lets all calls of `method` from now on be answered by `answer`; nothing ends that.
  void AnswerAlways(const std::string& method, std::optional<FleetAnswer> answer);

  void SetRun(const flwr::proto::Run& run);
  void SetFab(const std::string& content);
  /// The run is over: everything that belongs to it is answered by 403.
  void StopRun();
  /// Whether ActivateNode is refused because the node counts as online.
  void SetOnline(bool online);
  std::uint64_t node_id() const { return node_id_; }

  // --- What a test looks at ---------------------------------------------------------------------

  int Calls(const std::string& method);
  /// Waits until `method` was called `count` times in all.
  /// @return false if that does not happen.
  bool WaitForCalls(const std::string& method, int count);
  /// All methods called so far, in order.
  std::vector<std::string> CallLog();
  /// Waits for the next reply whose objects are all there.
  std::optional<Message> WaitForReply();
  /// Ids of the objects that were pulled, in order.
  std::vector<std::string> PulledObjects();
  /// Requests of `method` as they came.
  std::vector<std::string> Requests(const std::string& method);

  // --- What transports call ---------------------------------------------------------------------

  FleetAnswer Handle(const std::string& method, const std::string& request);

 private:
  using Handler = FleetAnswer (FakeFleet::*)(const std::string& request);
  struct Instruction {
    Message message;
    internal::DeflatedMessage deflated;
  };
  struct Reply {
    flwr::proto::Message stub;
    internal::ObjectTree tree;
    std::set<std::string> missing;
    bool taken = false;
  };

  std::string Queue(RecordDict content, const std::string& type, bool uploaded);
  FleetAnswer Register(const std::string& request);
  FleetAnswer Activate(const std::string& request);
  FleetAnswer Heartbeat(const std::string& request);
  FleetAnswer Pull(const std::string& request);
  FleetAnswer GetRun(const std::string& request);
  FleetAnswer GetFab(const std::string& request);
  FleetAnswer PullObject(const std::string& request);
  FleetAnswer Confirm(const std::string& request);
  FleetAnswer Push(const std::string& request);
  FleetAnswer PushObject(const std::string& request);
  FleetAnswer Deactivate(const std::string& request);
  FleetAnswer Unregister(const std::string& request);

  static const std::map<std::string, Handler>& Handlers();

  const std::uint64_t node_id_ = 0x8000'0000'0000'0042;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::deque<std::optional<FleetAnswer>>> scripts_;  // nullopt: lose answer
  std::map<std::string, FleetAnswer> permanent_;
  std::vector<std::string> log_;
  std::map<std::string, std::vector<std::string>> requests_;
  std::deque<Instruction> instructions_;
  std::map<std::string, std::string> objects_;
  std::map<std::string, std::string> uploads_;
  std::vector<std::string> pulled_;
  std::deque<Reply> replies_;
  std::string session_;
  int sessions_ = 0;
  flwr::proto::Run run_;
  std::string fab_;
  bool run_stopped_ = false;
  bool online_ = false;
  std::set<std::string> keys_;
};

}  // namespace flwrcpp::testing
