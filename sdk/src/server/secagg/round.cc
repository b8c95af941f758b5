// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server/secagg/round.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/only_record.h"
#include "secagg/records.h"
#include "secagg/shared_key.h"

namespace flwrcpp::internal::secagg {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kMaxCiphertextBytes = 64 * 1024;

NodeIds Intersection(const NodeIds& a, const NodeIds& b) {
  NodeIds both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

NodeIds Difference(const NodeIds& a, const NodeIds& b) {
  NodeIds rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(rest, rest.end()));
  return rest;
}

std::vector<std::uint64_t> ToList(const NodeIds& ids) { return {ids.begin(), ids.end()}; }

RecordDict ConfigsOnly(ConfigRecord configs) {
  RecordDict content;
  content.Set(kConfigs, std::move(configs));
  return content;
}

std::optional<Clock::time_point> DeadlineIn(std::optional<Seconds> timeout) {
  if (!timeout.has_value()) return std::nullopt;
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(*timeout);
}

}  // namespace

Round::Round(Grid& grid, const SecAggPlusOptions& options, std::optional<Seconds> timeout,
             std::stop_token stop)
    : grid_(grid), options_(options), deadline_(DeadlineIn(timeout)), stop_(std::move(stop)) {}

Status Round::Run(int server_round, std::vector<Message> instructions,
                  const Grid::OnReply& on_reply) {
  group_id_ = std::to_string(server_round);
  FLWRCPP_RETURN_IF_ERROR(AddNodes(std::move(instructions)));
  FLWRCPP_RETURN_IF_ERROR(RunStages());
  if (!halted_.empty()) {
    Log(LogLevel::kError, "secure aggregation halted: {}", halted_);
  }
  return HandOut(on_reply);
}

Status Round::AddNodes(std::vector<Message> instructions) {
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const arrays,
                           FindOnly<ArrayRecord>(instructions.front().content(), "ArrayRecord"));
  FLWRCPP_ASSIGN_OR_RETURN(model_, Model::Of(std::get<ArrayRecord>(arrays->second)));
  for (Message& instruction : instructions) {
    const std::string& type = instruction.metadata().message_type;
    if (type != message_type::kTrain) {
      return InvalidArgument("a message of type '{}', expected '{}'", type, message_type::kTrain);
    }
    const std::uint64_t node_id = instruction.metadata().dst_node_id;
    const auto [node, is_new] = nodes_.try_emplace(node_id);
    if (!is_new) return InvalidArgument("two instructions for node {}", node_id);
    FLWRCPP_RETURN_IF_ERROR(ToFitIns(instruction.content()).status());
    node->second.instruction = std::move(instruction);
    active_.insert(node_id);
  }
  return absl::OkStatus();
}

Status Round::RunStages() {
  const StatusOr<Settings> settings = SettingsFor(options_, nodes_.size());
  if (!settings.ok()) {
    halted_ = std::string(settings.status().message());
    return absl::OkStatus();
  }
  settings_ = *settings;
  for (auto& [node_id, neighbours] : DrawNeighbours(ToList(active_), settings_.share_num)) {
    nodes_[node_id].neighbours = std::move(neighbours);
  }
  for (const auto stage :
       {&Round::Setup, &Round::ShareKeys, &Round::CollectMaskedVectors, &Round::Unmask}) {
    FLWRCPP_RETURN_IF_ERROR((this->*stage)());
    if (!halted_.empty()) return absl::OkStatus();
  }
  return absl::OkStatus();
}

Status Round::Setup() {
  ConfigRecord configs;
  configs.Set(kStage, std::string(kSetup));
  WriteSettings(settings_, configs);
  const RecordDict content = ConfigsOnly(std::move(configs));
  FLWRCPP_RETURN_IF_ERROR(Exchange(
      kSetup, [&](std::uint64_t, Node&) { return content; },
      [&](std::uint64_t node_id, Node& node, const ConfigRecord& reply, const RecordDict&) {
        return TakeKeys(node_id, node, reply);
      }));
  CheckThreshold(active_);
  return absl::OkStatus();
}

Status Round::TakeKeys(std::uint64_t node_id, Node& node, const ConfigRecord& configs) {
  FLWRCPP_ASSIGN_OR_RETURN(std::string pk1, GetBytes(configs, kPublicKey1));
  FLWRCPP_ASSIGN_OR_RETURN(std::string pk2, GetBytes(configs, kPublicKey2));
  for (const std::string* const key : {&pk1, &pk2}) {
    FLWRCPP_RETURN_IF_ERROR(ParsePublicKey(*key).status());
    // Its neighbours would refuse to go on.
    if (!known_keys_.insert(*key).second) {
      return InvalidArgument("node {} sent a public key that is there already", node_id);
    }
  }
  node.pk1 = std::move(pk1);
  node.pk2 = std::move(pk2);
  return absl::OkStatus();
}

Status Round::ShareKeys() {
  const NodeIds asked = active_;
  FLWRCPP_RETURN_IF_ERROR(Exchange(
      kShareKeys,
      [&](std::uint64_t, Node& node) {
        ConfigRecord configs;
        for (const std::uint64_t id : Intersection(node.neighbours, asked)) {
          const Node& neighbour = nodes_[id];
          configs.Set(std::to_string(id),
                      std::vector<ByteString>{{neighbour.pk1}, {neighbour.pk2}});
        }
        configs.Set(kStage, std::string(kShareKeys));
        return ConfigsOnly(std::move(configs));
      },
      [&](std::uint64_t node_id, Node& node, const ConfigRecord& reply, const RecordDict&) {
        NodeIds others = Intersection(node.neighbours, asked);
        others.erase(node_id);
        FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> dsts,
                                 GetNodeIds(reply, kDestinationList));
        if (NodeIds(dsts.begin(), dsts.end()) != others) {
          return InvalidArgument("shares for {} nodes, which are not its {} neighbours",
                                 dsts.size(), others.size());
        }
        return TakeCiphertexts(node_id, reply);
      }));
  sharing_ = active_;
  CheckThreshold(active_);
  return absl::OkStatus();
}

Status Round::TakeCiphertexts(std::uint64_t node_id, const ConfigRecord& configs) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> dsts,
                           GetNodeIds(configs, kDestinationList));
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<ByteString> ciphertexts,
                           GetBytesList(configs, kCiphertextList));
  if (ciphertexts.size() != dsts.size()) {
    return InvalidArgument("{} ciphertexts for {} nodes", ciphertexts.size(), dsts.size());
  }
  for (const ByteString& ciphertext : ciphertexts) {
    if (ciphertext.value.size() > kMaxCiphertextBytes) {
      return InvalidArgument("a ciphertext of {} bytes, expected at most {}",
                             ciphertext.value.size(), kMaxCiphertextBytes);
    }
  }
  for (std::size_t i = 0; i < dsts.size(); ++i) {
    nodes_[dsts[i]].sources.push_back(node_id);
    nodes_[dsts[i]].ciphertexts.push_back(std::move(ciphertexts[i]));
  }
  return absl::OkStatus();
}

Status Round::CollectMaskedVectors() {
  FLWRCPP_RETURN_IF_ERROR(Exchange(
      kCollectMaskedVectors,
      [](std::uint64_t, Node& node) -> StatusOr<RecordDict> {
        FLWRCPP_ASSIGN_OR_RETURN(RecordDict content, ToFitIns(node.instruction.content()));
        node.instruction = Message(node.instruction.metadata(), RecordDict());  // let it go
        ConfigRecord configs;
        configs.Set(kStage, std::string(kCollectMaskedVectors));
        configs.Set(kCiphertextList, std::exchange(node.ciphertexts, {}));
        configs.Set(kSourceList, std::exchange(node.sources, {}));
        content.Set(kConfigs, std::move(configs));
        return content;
      },
      [&](std::uint64_t, Node& node, const ConfigRecord& reply, const RecordDict& content) {
        return TakeMasked(node, reply, content);
      }));
  masked_ = active_;
  CheckThreshold(sharing_);
  return absl::OkStatus();
}

Status Round::TakeMasked(Node& node, const ConfigRecord& configs, const RecordDict& content) {
  FLWRCPP_ASSIGN_OR_RETURN(FitRes result, ReadFitRes(content));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<ByteString> files,
                           GetBytesList(configs, kMaskedParameters));
  FLWRCPP_ASSIGN_OR_RETURN(MaskedArrays arrays, model_.Read(files));
  node.result = std::move(result);
  if (sum_.empty()) {
    sum_ = std::move(arrays);
    return absl::OkStatus();
  }
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    for (std::size_t k = 0; k < sum_[i].size(); ++k) sum_[i][k] += arrays[i][k];
  }
  return absl::OkStatus();
}

Status Round::Unmask() {
  FLWRCPP_RETURN_IF_ERROR(Exchange(
      kUnmask,
      [&](std::uint64_t, Node& node) {
        ConfigRecord configs;
        configs.Set(kStage, std::string(kUnmask));
        configs.Set(kActiveNodeIdList, ToList(Intersection(node.neighbours, masked_)));
        // Who dropped out before it shared its keys is in nobody's masks.
        configs.Set(kDeadNodeIdList,
                    ToList(Difference(Intersection(node.neighbours, sharing_), masked_)));
        return ConfigsOnly(std::move(configs));
      },
      [&](std::uint64_t node_id, Node&, const ConfigRecord& reply, const RecordDict&) {
        return TakeShares(node_id, reply);
      }));
  CheckThreshold(sharing_);
  return halted_.empty() ? RemoveMasks() : absl::OkStatus();
}

Status Round::TakeShares(std::uint64_t node_id, const ConfigRecord& configs) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> owners,
                           GetNodeIds(configs, kNodeIdList));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<ByteString> shares, GetBytesList(configs, kShareList));
  const NodeIds expected = Intersection(nodes_[node_id].neighbours, sharing_);
  if (shares.size() != owners.size() || NodeIds(owners.begin(), owners.end()) != expected) {
    return InvalidArgument("{} shares of {} nodes, expected those of {} neighbours", shares.size(),
                           owners.size(), expected.size());
  }
  for (std::size_t i = 0; i < owners.size(); ++i) {
    nodes_[owners[i]].shares.push_back(ToSecret(shares[i].value));
  }
  return absl::OkStatus();
}

Status Round::Exchange(const char* stage, const MakeContent& make, const TakeReply& take) {
  std::vector<Message> messages;
  for (const std::uint64_t node_id : active_) {
    FLWRCPP_ASSIGN_OR_RETURN(RecordDict content, make(node_id, nodes_[node_id]));
    messages.push_back(Message::Instruction(std::make_shared<RecordDict>(std::move(content)),
                                            node_id, std::string(message_type::kTrain),
                                            kDefaultTtlSeconds, group_id_));
  }
  NodeIds awaited = std::exchange(active_, {});
  const auto on_reply = [&](Message reply) -> Status {
    const std::uint64_t node_id = reply.metadata().src_node_id;
    if (awaited.erase(node_id) == 0) return absl::OkStatus();
    Node& node = nodes_[node_id];
    if (reply.has_error()) {
      node.error = reply.error();
    } else {
      const StatusOr<const ConfigRecord*> configs = GetConfigs(reply.content());
      const Status taken =
          configs.ok() ? take(node_id, node, **configs, reply.content()) : configs.status();
      if (taken.ok()) {
        active_.insert(node_id);
        return absl::OkStatus();
      }
      node.error = Error{static_cast<std::int64_t>(ErrorCode::kModFailedPrecondition),
                         std::string(taken.message())};
    }
    node.error->reason = fmt::format("stage '{}': {}", stage, node.error->reason);
    Log(LogLevel::kWarning, "secure aggregation: node {} dropped out: {}", node_id,
        node.error->reason);
    return absl::OkStatus();
  };
  FLWRCPP_RETURN_IF_ERROR(grid_.SendAndReceive(std::move(messages), TimeLeft(), on_reply, stop_));
  for (const std::uint64_t node_id : awaited) {
    Error& error = nodes_[node_id].error.emplace();
    error.code = static_cast<std::int64_t>(ErrorCode::kReplyMessageUnavailable);
    error.reason = fmt::format("stage '{}': no answer in time", stage);
    Log(LogLevel::kWarning, "secure aggregation: node {} dropped out: {}", node_id, error.reason);
  }
  return absl::OkStatus();
}

void Round::CheckThreshold(const NodeIds& node_ids) {
  const std::size_t threshold = static_cast<std::size_t>(settings_.threshold);
  if (active_.empty()) {
    halted_ = "no node is left";
    return;
  }
  for (const std::uint64_t node_id : node_ids) {
    const std::size_t left = Intersection(nodes_[node_id].neighbours, active_).size();
    if (left >= threshold) continue;
    halted_ = fmt::format("of node {} and its neighbours {} are left, the threshold is {}", node_id,
                          left, threshold);
    return;
  }
}

Status Round::HandOut(const Grid::OnReply& on_reply) {
  auto arrays = std::make_shared<const ArrayRecord>(std::move(mean_));
  for (auto& [node_id, node] : nodes_) {
    if (halted_.empty() && masked_.contains(node_id)) {
      RecordDict content;
      content.Set("arrays", *arrays);
      content.Set("metrics", std::move(node.result.metrics));
      FLWRCPP_RETURN_IF_ERROR(on_reply(Message::ReplyTo(node.instruction, std::move(content))));
      continue;
    }
    if (!halted_.empty() && !node.error.has_value()) {
      node.error = Error{static_cast<std::int64_t>(ErrorCode::kModFailedPrecondition), halted_};
    }
    node.error->reason = "secure aggregation: " + node.error->reason;
    FLWRCPP_RETURN_IF_ERROR(on_reply(Message::ErrorReplyTo(node.instruction, *node.error)));
  }
  return absl::OkStatus();
}

std::optional<Seconds> Round::TimeLeft() const {
  std::optional<Seconds> left = options_.timeout;
  if (deadline_.has_value()) {
    const Seconds until = std::max(Seconds(*deadline_ - Clock::now()), Seconds(0));
    left = left.has_value() ? std::min(*left, until) : until;
  }
  return left;
}

}  // namespace flwrcpp::internal::secagg
