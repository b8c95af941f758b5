// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flwrcpp/grid.h"

namespace flwrcpp::testing {

/// A Grid whose nodes are functions of the test. They run inside PushMessages, and their replies
/// are handed out one by one in that order. A node that answers later answers nothing, and the test
/// delivers its reply. For use from one thread.
class FakeGrid : public Grid {
 public:
  static constexpr std::uint64_t kRunId = 77;

  /// Answers an instruction; nothing means that the node never does.
  using Node = std::function<std::optional<Message>(const Message& instruction)>;

  void AddNode(std::uint64_t node_id, Node node) { nodes_[node_id] = std::move(node); }
  void RemoveNode(std::uint64_t node_id) { nodes_.erase(node_id); }
  void Deliver(Message reply) { replies_.push_back(std::move(reply)); }

  /// Called in each WaitForNodes, e.g. to let a node join or to stop the run.
  std::function<void()> on_wait_for_nodes;
  /// Called at the begin of each PullMessages.
  std::function<void()> on_pull;
  /// Hands the newest reply out first.
  bool newest_reply_first = false;
  /// Hands out all replies there are in one pull.
  bool all_replies_at_once = false;
  /// Nodes that GetNodeIds reports although their messages are refused.
  std::vector<std::uint64_t> ghosts;

  /// What was sent, without content.
  std::vector<Metadata> sent;
  /// The contents that were sent; what is still alive somebody holds.
  std::vector<std::weak_ptr<const RecordDict>> sent_contents;
  /// Ids that PullMessages was asked for, call by call.
  std::vector<std::vector<std::string>> pulls;

  std::uint64_t run_id() const override { return kRunId; }

  StatusOr<std::vector<std::uint64_t>> GetNodeIds() override {
    std::vector<std::uint64_t> ids = ghosts;
    for (const auto& [node_id, node] : nodes_) ids.push_back(node_id);
    return ids;
  }

  void WaitForNodes(std::chrono::duration<double>) override {
    if (on_wait_for_nodes) on_wait_for_nodes();
  }

  StatusOr<std::vector<std::string>> PushMessages(std::vector<Message> messages) override {
    std::vector<std::string> ids;
    for (Message& message : messages) {
      message.metadata().run_id = kRunId;
      message.metadata().created_at = UnixSeconds();
      sent.push_back(message.metadata());
      sent_contents.push_back(message.shared_content());
      const auto node = nodes_.find(message.metadata().dst_node_id);
      if (node == nodes_.end()) {
        ids.emplace_back();
        continue;
      }
      message.metadata().message_id = "message-" + std::to_string(sent.size());
      ids.push_back(message.metadata().message_id);
      if (std::optional<Message> reply = node->second(message)) {
        replies_.push_back(*std::move(reply));
      }
    }
    return ids;
  }

  StatusOr<std::vector<Message>> PullMessages(std::span<const std::string> message_ids,
                                              std::chrono::duration<double> timeout) override {
    pulls.emplace_back(message_ids.begin(), message_ids.end());
    if (on_pull) on_pull();
    std::vector<Message> found;
    if (newest_reply_first) std::reverse(replies_.begin(), replies_.end());
    for (auto reply = replies_.begin(); reply != replies_.end();) {
      if (std::find(message_ids.begin(), message_ids.end(),
                    reply->metadata().reply_to_message_id) == message_ids.end()) {
        ++reply;
        continue;
      }
      found.push_back(std::move(*reply));
      reply = replies_.erase(reply);
      if (!all_replies_at_once) break;
    }
    if (newest_reply_first) std::reverse(replies_.begin(), replies_.end());
    // Nothing can arrive meanwhile: this only lets the time of a timeout pass.
    if (found.empty()) std::this_thread::sleep_for(std::min(timeout, kLongestWait));
    return found;
  }

 private:
  static constexpr std::chrono::duration<double> kLongestWait = std::chrono::milliseconds(20);

  std::map<std::uint64_t, Node> nodes_;
  std::deque<Message> replies_;
};

/// A train or evaluate reply as FedAvg wants it.
inline Message Reply(const Message& instruction, ArrayRecord arrays, MetricRecord metrics) {
  RecordDict content;
  content.Set("arrays", std::move(arrays));
  content.Set("metrics", std::move(metrics));
  return Message::ReplyTo(instruction, std::move(content));
}

/// One float32 array called "w".
inline ArrayRecord Weights(std::vector<float> values) {
  ArrayRecord arrays;
  const std::int64_t size = static_cast<std::int64_t>(values.size());
  arrays.Set("w", Array::From(values, {size}).value());
  return arrays;
}

/// The values of the array "w".
inline std::vector<float> WeightsOf(const ArrayRecord& arrays) {
  const Array* const array = arrays.Find("w");
  return array == nullptr ? std::vector<float>() : array->ToVector<float>().value();
}

/// A node that always sends the same: for train its arrays, for both `metrics`.
inline FakeGrid::Node FixedNode(std::vector<float> values, MetricRecord metrics) {
  return [values = std::move(values), metrics = std::move(metrics)](const Message& instruction) {
    if (instruction.metadata().message_type == message_type::kTrain) {
      return Reply(instruction, Weights(values), metrics);
    }
    RecordDict content;
    content.Set("metrics", metrics);
    return Message::ReplyTo(instruction, std::move(content));
  };
}

}  // namespace flwrcpp::testing
