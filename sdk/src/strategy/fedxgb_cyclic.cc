// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedxgb_cyclic.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>
#include <variant>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "strategy/instructions.h"
#include "strategy/node_sampling.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp {
namespace {

using internal::Annotate;
using internal::InvalidArgument;

constexpr char kRecord[] = "registered_nodes";
constexpr char kIds[] = "node_ids";

/// Takes the arrays of the only reply as they are.
class OnlyReply : public internal::ArraysAggregation {
 public:
  Status Add(internal::ArraysReply reply) override {
    if (arrays_.has_value()) return InvalidArgument("a second reply, expected one");
    if (reply.arrays.empty()) return InvalidArgument("holds no array");
    for (const auto& [key, array] : reply.arrays) {
      const Status status = array.Header().status();
      if (!status.ok()) return Annotate(status, fmt::format("array '{}'", key));
    }
    arrays_ = std::move(reply.arrays);
    return absl::OkStatus();
  }

  StatusOr<internal::ArraysOutcome> Finish() override {
    internal::ArraysOutcome outcome;
    outcome.arrays = std::move(arrays_);
    return outcome;
  }

 private:
  std::optional<ArrayRecord> arrays_;
};

Status CheckFraction(const char* name, double fraction) {
  if (fraction == 0 || fraction == 1) return absl::OkStatus();
  return InvalidArgument("FedXgbCyclic: {} is {}, expected 0 or 1", name, fraction);
}

}  // namespace

StatusOr<std::unique_ptr<FedXgbCyclic>> FedXgbCyclic::Create(FedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedXgbCyclic", options));
  FLWRCPP_RETURN_IF_ERROR(CheckFraction("fraction_train", options.fraction_train));
  FLWRCPP_RETURN_IF_ERROR(CheckFraction("fraction_evaluate", options.fraction_evaluate));
  return std::unique_ptr<FedXgbCyclic>(new FedXgbCyclic(std::move(options)));
}

StatusOr<std::vector<Message>> FedXgbCyclic::Configure(std::string_view message_type, int min_nodes,
                                                       int server_round, const ArrayRecord& arrays,
                                                       const ConfigRecord& config, Grid& grid,
                                                       const std::stop_token& stop) {
  const internal::SampleRequest request{
      .phase = message_type,
      .fraction = 1,
      .min_nodes = static_cast<std::size_t>(std::max(min_nodes, 1)),
      .min_available_nodes = static_cast<std::size_t>(options().min_available_nodes),
      .seed = 0,  // all are taken, there is nothing to choose
      .server_round = server_round};
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> online,
                           internal::SampleNodes(grid, request, stop));
  std::unordered_set<std::uint64_t> unknown(online.begin(), online.end());
  std::vector<std::uint64_t> line;  // those who are online
  for (const std::uint64_t node_id : registered_nodes_) {
    if (unknown.erase(node_id) > 0) line.push_back(node_id);
  }
  for (const std::uint64_t node_id : online) {
    if (!unknown.contains(node_id)) continue;
    registered_nodes_.push_back(node_id);
    line.push_back(node_id);
  }
  const std::uint64_t turn = line[static_cast<std::size_t>(server_round - 1) % line.size()];
  internal::Log(LogLevel::kInfo, "{}: it is the turn of node {}", message_type, turn);
  return internal::MakeInstructions(message_type, options(), {turn}, server_round, arrays, config);
}

StatusOr<std::vector<Message>> FedXgbCyclic::ConfigureTrain(int server_round,
                                                            const ArrayRecord& arrays,
                                                            const ConfigRecord& config, Grid& grid,
                                                            std::stop_token stop) {
  if (options().fraction_train == 0) return std::vector<Message>();
  return Configure(message_type::kTrain, options().min_train_nodes, server_round, arrays, config,
                   grid, stop);
}

std::unique_ptr<Aggregator> FedXgbCyclic::AggregateTrain(int /*server_round*/) {
  return std::make_unique<internal::ReplyAggregator>(
      internal::TrainAggregation(options(), std::make_unique<OnlyReply>()));
}

StatusOr<std::vector<Message>> FedXgbCyclic::ConfigureEvaluate(int server_round,
                                                               const ArrayRecord& arrays,
                                                               const ConfigRecord& config,
                                                               Grid& grid, std::stop_token stop) {
  if (options().fraction_evaluate == 0) return std::vector<Message>();
  return Configure(message_type::kEvaluate, options().min_evaluate_nodes, server_round, arrays,
                   config, grid, stop);
}

RecordDict FedXgbCyclic::State() const {
  RecordDict state;
  if (!registered_nodes_.empty()) {
    state.Set(kRecord, ConfigRecord{{kIds, registered_nodes_}});
  }
  return state;
}

Status FedXgbCyclic::RestoreState(const RecordDict& state) {
  if (state.empty()) {
    registered_nodes_.clear();
    return absl::OkStatus();
  }
  const ConfigRecord* const record = state.FindConfig(kRecord);
  if (record == nullptr || state.size() != 1) {
    return InvalidArgument("state: expected the ConfigRecord '{}' alone, got {} records", kRecord,
                           state.size());
  }
  const ConfigValue* const value = record->Find(kIds);
  const auto* const ids =
      value == nullptr ? nullptr : std::get_if<std::vector<std::uint64_t>>(value);
  if (ids == nullptr || record->size() != 1) {
    return InvalidArgument("state '{}': expected a list of ids called '{}' alone", kRecord, kIds);
  }
  if (std::unordered_set<std::uint64_t>(ids->begin(), ids->end()).size() != ids->size()) {
    return InvalidArgument("state '{}': a node is in line twice", kRecord);
  }
  registered_nodes_ = *ids;
  return absl::OkStatus();
}

std::vector<std::string> FedXgbCyclic::Summary() const {
  std::vector<std::string> lines = {"FedXgbCyclic"};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
