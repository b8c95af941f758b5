// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedbuff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "server/pending_replies.h"
#include "server/reply_deadline.h"
#include "strategy/instructions.h"
#include "strategy/node_sampling.h"
#include "strategy/reply_aggregator.h"
#include "strategy/update_buffer.h"

namespace flwrcpp {

using internal::InvalidArgument;
using internal::Log;
using internal::MakeError;
using internal::PendingReplies;

/// Which nodes train, and what they train from. The number of a sending is that of the version.
class FedBuff::Training {
 public:
  Training(Grid& grid, std::optional<int> max_staleness)
      : pending(grid), max_staleness_(max_staleness) {}

  bool IsTooStale(int of_version) const {
    return max_staleness_.has_value() && version - of_version > *max_staleness_;
  }

  /// Nodes that train and will be of use.
  std::size_t occupied() const {
    std::size_t count = 0;
    for (const auto& [of_version, unused] : models) count += pending.SizeOf(of_version);
    return count;
  }

  /// Lets go of models that no update will need.
  void ForgetModels() {
    std::erase_if(models, [this](const auto& model) {
      const auto is_of_it = [&](const auto& reply) { return reply.sending == model.first; };
      const bool is_held = pending.SizeOf(model.first) > 0 ||
                           std::any_of(received.begin(), received.end(), is_of_it);
      return !is_held || IsTooStale(model.first);
    });
  }

  PendingReplies pending;
  std::deque<PendingReplies::Reply> received;  ///< To be looked at.
  int version = 0;                             ///< Of the global model.
  std::map<int, ArrayRecord> models;           ///< By version: those that nodes train from.
  std::uint64_t sendings = 0;

 private:
  std::optional<int> max_staleness_;
};

/// The making of one version.
class FedBuff::Round {
 public:
  Round(const FedBuff& strategy, Training& training, const TrainPhase& phase);

  StatusOr<AggregateResult> Run();

 private:
  bool IsFull() const { return buffer_->size() >= strategy_.options_.buffer_size; }
  StatusOr<std::size_t> GiveOutPlaces();
  std::size_t Places(std::size_t online) const;
  Status TakeReceived();
  Status Take(PendingReplies::Reply reply);

  const FedBuff& strategy_;
  Training& training_;
  const TrainPhase& phase_;
  const internal::ReplyDeadline deadline_;
  internal::UpdateBuffer* buffer_ = nullptr;  ///< Of the aggregator.
  std::unique_ptr<internal::ReplyAggregator> aggregator_;
  std::set<std::uint64_t> failed_;  ///< Nodes that are not asked again.
  int too_stale_ = 0;
};

FedBuff::Round::Round(const FedBuff& strategy, Training& training, const TrainPhase& phase)
    : strategy_(strategy), training_(training), phase_(phase), deadline_(phase.timeout) {
  const FedBuffOptions& options = strategy.options_;
  auto buffer = std::make_unique<internal::UpdateBuffer>(
      internal::UpdateBuffer::Options{.learning_rate = options.server_learning_rate,
                                      .weight_by_examples = options.weight_by_examples},
      phase.arrays);
  buffer_ = buffer.get();
  internal::ReplyAggregatorOptions aggregation =
      internal::TrainAggregation(options, std::move(buffer));
  aggregation.global_layout = internal::ArrayLayout::OfGlobalModel(phase.arrays);
  aggregator_ = std::make_unique<internal::ReplyAggregator>(std::move(aggregation));
}

StatusOr<AggregateResult> FedBuff::Round::Run() {
  while (true) {
    if (phase_.stop.stop_requested()) {
      return MakeError(StatusCode::kCancelled, "stopped with {} of {} updates", buffer_->size(),
                       strategy_.options_.buffer_size);
    }
    // First what has come: it may be what a newer model is made of.
    FLWRCPP_RETURN_IF_ERROR(TakeReceived());
    if (IsFull()) break;
    FLWRCPP_ASSIGN_OR_RETURN(const std::size_t askable, GiveOutPlaces());
    if (!training_.received.empty()) continue;  // refused
    const bool last = deadline_.has_passed();
    if (training_.pending.size() > 0) {
      FLWRCPP_ASSIGN_OR_RETURN(auto replies, training_.pending.Receive(deadline_.NextWait()));
      if (replies.empty() && last) break;
      std::move(replies.begin(), replies.end(), std::back_inserter(training_.received));
    } else if (askable == 0) {
      if (last || !failed_.empty()) break;
      phase_.grid.WaitForNodes(deadline_.NextWait());
    }
  }
  if (!IsFull()) {
    Log(LogLevel::kWarning, "train: the round ends with {} of {} updates", buffer_->size(),
        strategy_.options_.buffer_size);
  }
  FLWRCPP_ASSIGN_OR_RETURN(AggregateResult result, aggregator_->Finish());
  result.num_late = too_stale_;
  return result;
}

std::size_t FedBuff::Round::Places(std::size_t online) const {
  const FedBuffOptions& options = strategy_.options_;
  if (options.concurrency > 0) return static_cast<std::size_t>(options.concurrency);
  const internal::SampleRequest request{
      .phase = message_type::kTrain,
      .fraction = options.fraction_train,
      .min_nodes = static_cast<std::size_t>(options.min_train_nodes)};
  return std::max<std::size_t>(request.Count(online), 1);
}

/// Asks idle nodes to train from the newest model, as many as there are places.
/// @return how many nodes could be asked, now or when they are idle.
StatusOr<std::size_t> FedBuff::Round::GiveOutPlaces() {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::uint64_t> idle, phase_.grid.GetNodeIds());
  const std::size_t places = Places(idle.size());
  std::erase_if(idle, [this](std::uint64_t id) { return failed_.contains(id); });
  const std::size_t askable = idle.size();
  std::erase_if(idle, [this](std::uint64_t id) { return training_.pending.IsBusy(id); });
  const std::size_t occupied = training_.occupied();
  if (idle.empty() || occupied >= places) return askable;

  idle =
      internal::Sample(std::move(idle), places - occupied, strategy_.seed() + training_.sendings++);
  FLWRCPP_ASSIGN_OR_RETURN(
      auto refused, training_.pending.Send(internal::MakeInstructions(
                                               message_type::kTrain, strategy_.options_, idle,
                                               phase_.server_round, phase_.arrays, phase_.config),
                                           training_.version));
  training_.models.try_emplace(training_.version, phase_.arrays);
  std::move(refused.begin(), refused.end(), std::back_inserter(training_.received));
  return askable;
}

/// Takes what has come until the buffer is full; the rest belongs to the next version.
Status FedBuff::Round::TakeReceived() {
  while (!training_.received.empty() && !IsFull()) {
    PendingReplies::Reply reply = std::move(training_.received.front());
    training_.received.pop_front();
    FLWRCPP_RETURN_IF_ERROR(Take(std::move(reply)));
  }
  training_.ForgetModels();
  return absl::OkStatus();
}

Status FedBuff::Round::Take(PendingReplies::Reply reply) {
  if (!reply.message.has_error() && training_.IsTooStale(reply.sending)) {
    ++too_stale_;
    return absl::OkStatus();
  }
  const int before = buffer_->size();
  if (!reply.message.has_error()) {
    const double staleness = training_.version - reply.sending;
    buffer_->SetOrigin(training_.models.at(reply.sending),
                       std::pow(1 + staleness, -strategy_.options_.staleness_exponent));
  }
  aggregator_->Add(std::exchange(reply.message, Message()));
  if (buffer_->size() == before) {
    failed_.insert(reply.node_id);
    return absl::OkStatus();
  }
  return phase_.on_reply(buffer_->size(), strategy_.options_.buffer_size);
}

StatusOr<std::unique_ptr<FedBuff>> FedBuff::Create(FedBuffOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedBuff", options));
  if (options.buffer_size < 1) {
    return InvalidArgument("FedBuff: buffer_size is {}, expected at least 1", options.buffer_size);
  }
  if (options.concurrency < 0) {
    return InvalidArgument("FedBuff: concurrency is {}, expected at least 0", options.concurrency);
  }
  if (!std::isfinite(options.server_learning_rate) || options.server_learning_rate <= 0) {
    return InvalidArgument("FedBuff: server_learning_rate is {}, expected a number above 0",
                           options.server_learning_rate);
  }
  if (!std::isfinite(options.staleness_exponent) || options.staleness_exponent < 0) {
    return InvalidArgument("FedBuff: staleness_exponent is {}, expected a number of at least 0",
                           options.staleness_exponent);
  }
  if (options.max_staleness.has_value() && *options.max_staleness < 0) {
    return InvalidArgument("FedBuff: max_staleness is {}, expected at least 0",
                           *options.max_staleness);
  }
  return std::unique_ptr<FedBuff>(new FedBuff(std::move(options)));
}

FedBuff::FedBuff(FedBuffOptions options) : FedAvg(options), options_(std::move(options)) {}

FedBuff::~FedBuff() = default;

StatusOr<std::vector<Message>> FedBuff::ConfigureTrain(int /*server_round*/,
                                                       const ArrayRecord& /*arrays*/,
                                                       const ConfigRecord& /*config*/,
                                                       Grid& /*grid*/, std::stop_token /*stop*/) {
  return MakeError(StatusCode::kFailedPrecondition,
                   "FedBuff has no rounds in which all nodes get the same model: another strategy "
                   "cannot wrap it");
}

StatusOr<std::vector<Message>> FedBuff::ConfigureEvaluate(int server_round,
                                                          const ArrayRecord& arrays,
                                                          const ConfigRecord& config, Grid& grid,
                                                          std::stop_token /*stop*/) {
  if (options_.fraction_evaluate == 0) return std::vector<Message>();
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<std::uint64_t> ids, grid.GetNodeIds());
  const internal::SampleRequest request{
      .phase = message_type::kEvaluate,
      .fraction = options_.fraction_evaluate,
      .min_nodes = static_cast<std::size_t>(options_.min_evaluate_nodes)};
  const std::size_t count = request.Count(ids.size());
  if (training_ != nullptr) {
    std::erase_if(ids, [this](std::uint64_t id) { return training_->pending.IsBusy(id); });
  }
  ids = internal::Sample(std::move(ids), count, seed() + static_cast<std::uint64_t>(server_round));
  Log(LogLevel::kInfo, "evaluate: {} idle nodes of the {} that were to evaluate", ids.size(),
      count);
  return internal::MakeInstructions(message_type::kEvaluate, options_, ids, server_round, arrays,
                                    config);
}

StatusOr<std::optional<AggregateResult>> FedBuff::RunTrain(const TrainPhase& phase) {
  if (options_.fraction_train == 0) return std::nullopt;
  if (training_ == nullptr) {
    training_ = std::make_unique<Training>(phase.grid, options_.max_staleness);
  }
  if (training_->pending.size() == 0 && training_->received.empty()) {
    const auto needed = [this](std::size_t) {
      return static_cast<std::size_t>(
          std::max({options_.min_available_nodes, options_.min_train_nodes, 1}));
    };
    FLWRCPP_RETURN_IF_ERROR(
        internal::AwaitNodes(phase.grid, message_type::kTrain, needed, phase.stop).status());
  }
  FLWRCPP_ASSIGN_OR_RETURN(AggregateResult result, Round(*this, *training_, phase).Run());
  if (result.arrays.has_value()) ++training_->version;
  training_->ForgetModels();
  return result;
}

std::vector<std::string> FedBuff::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("FedBuff: buffer_size {}, concurrency {}, server_learning_rate {}",
                  options_.buffer_size, options_.concurrency, options_.server_learning_rate),
      fmt::format(
          "staleness_exponent {}, max_staleness {}, weight_by_examples {}",
          options_.staleness_exponent,
          options_.max_staleness.has_value() ? fmt::to_string(*options_.max_staleness) : "none",
          options_.weight_by_examples)};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

StatusOr<Result> FedBuff::Start(Grid& grid, StartOptions options) {
  training_.reset();  // replies of an earlier run do not come here
  StatusOr<Result> result = FedAvg::Start(grid, std::move(options));
  training_.reset();
  return result;
}

}  // namespace flwrcpp
