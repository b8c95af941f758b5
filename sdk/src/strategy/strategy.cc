// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/strategy.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "internal/catch_exceptions.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "strategy/run_exchange.h"

namespace flwrcpp {
namespace {

using internal::CatchExceptions;
using internal::Log;
using internal::MakeError;
using internal::RunExchange;
using internal::Stopwatch;

Status CheckOptions(const StartOptions& options) {
  if (options.first_round < 1) {
    return internal::InvalidArgument("first_round is {}, expected at least 1", options.first_round);
  }
  if (options.num_rounds < 0) {
    return internal::InvalidArgument("num_rounds is {}, expected at least 0", options.num_rounds);
  }
  if (!(options.over_selection >= 0 && options.over_selection <= StartOptions::kMaxOverSelection)) {
    return internal::InvalidArgument("over_selection is {}, expected 0 to {}",
                                     options.over_selection, StartOptions::kMaxOverSelection);
  }
  if (options.max_redispatches < 0) {
    return internal::InvalidArgument("max_redispatches is {}, expected at least 0",
                                     options.max_redispatches);
  }
  return absl::OkStatus();
}

/// For the log, e.g. `loss 0.25, accuracy 0.9`.
std::string MetricsText(const MetricRecord& metrics) {
  std::string text;
  for (const auto& [key, value] : metrics) {
    if (!text.empty()) text += ", ";
    text += key + " ";
    std::visit(
        [&](const auto& typed) {
          if constexpr (requires { typed.size(); }) {
            text += fmt::format("[{:.6g}]",
                                fmt::join(std::vector<double>(typed.begin(), typed.end()), ", "));
          } else {
            text += fmt::format("{:.6g}", static_cast<double>(typed));
          }
        },
        value);
  }
  return text;
}

void LogOutcome(const char* phase, const AggregateResult& aggregate) {
  Log(LogLevel::kInfo, "{}: received {} results and {} failures", phase, aggregate.num_results,
      aggregate.failures.size());
  if (aggregate.num_late > 0) {
    Log(LogLevel::kInfo, "{}: {} replies came too late", phase, aggregate.num_late);
  }
  for (const auto& [node_id, reason] : aggregate.failures) {
    Log(LogLevel::kWarning, "{}: {}", phase, reason);
  }
  if (aggregate.metrics.has_value()) {
    Log(LogLevel::kInfo, "{}: {}", phase, MetricsText(*aggregate.metrics));
  }
}

Grid::OnReply AddTo(Aggregator& aggregator) {
  return [&aggregator](Message reply) {
    aggregator.Add(std::move(reply));
    return absl::OkStatus();
  };
}

/// One run of a strategy: what its rounds have in common.
class Run {
 public:
  Run(Strategy& strategy, Grid& grid, StartOptions options)
      : strategy_(strategy),
        grid_(grid),
        options_(std::move(options)),
        exchange_(grid_, options_),
        arrays_(std::move(options_.initial_arrays)) {}

  StatusOr<Result> Execute();

 private:
  Status RunRound(int server_round);
  Status Train(RoundReport& report);
  Status EvaluateOnNodes(RoundReport& report);
  Status EvaluateOnServer(RoundReport& report);
  Status Report(const RoundReport& report);
  Status CheckStop() const;

  Strategy& strategy_;
  Grid& grid_;
  StartOptions options_;
  RunExchange exchange_;
  ArrayRecord arrays_;       ///< The global model.
  bool aggregated_ = false;  ///< `arrays_` is the outcome of a round.
  Result result_;
};

StatusOr<Result> Run::Execute() {
  for (const std::string& line : strategy_.Summary()) Log(LogLevel::kInfo, "{}", line);
  if (options_.first_round == 1 && options_.evaluate_fn) {
    RoundReport report;
    report.num_rounds = options_.num_rounds;
    FLWRCPP_RETURN_IF_ERROR(EvaluateOnServer(report));
    FLWRCPP_RETURN_IF_ERROR(Report(report));
  }
  for (int round = options_.first_round; round <= options_.num_rounds; ++round) {
    FLWRCPP_RETURN_IF_ERROR(RunRound(round));
  }
  if (aggregated_) result_.arrays = std::move(arrays_);
  return std::move(result_);
}

Status Run::RunRound(int server_round) {
  Log(LogLevel::kInfo, "[ROUND {}/{}]", server_round, options_.num_rounds);
  RoundReport report;
  report.server_round = server_round;
  report.num_rounds = options_.num_rounds;
  FLWRCPP_RETURN_IF_ERROR(Train(report));
  FLWRCPP_RETURN_IF_ERROR(EvaluateOnNodes(report));
  FLWRCPP_RETURN_IF_ERROR(EvaluateOnServer(report));
  return Report(report);
}

Status Run::Train(RoundReport& report) {
  FLWRCPP_RETURN_IF_ERROR(CheckStop());
  exchange_.BeginPhase("train", report.server_round);
  const TrainPhase phase{
      .server_round = report.server_round,
      .arrays = arrays_,
      .config = options_.train_config,
      .grid = grid_,
      .exchange = exchange_,
      .timeout = options_.timeout,
      .on_reply = [this](int received,
                         int expected) { return exchange_.ReportProgress(received, expected); },
      .stop = options_.stop};
  FLWRCPP_ASSIGN_OR_RETURN(report.train, strategy_.RunTrain(phase));
  if (report.train.has_value()) {
    // A phase that has no exchange has asked those that are accounted for.
    report.sampled_train = exchange_.sampled().value_or(
        report.train->num_results + static_cast<int>(report.train->failures.size()) +
        report.train->num_late);
    exchange_.Complete(*report.train);
    LogOutcome("train", *report.train);
    if (report.train->arrays.has_value()) {
      arrays_ = *std::exchange(report.train->arrays, std::nullopt);
      aggregated_ = true;
    }
    if (report.train->metrics.has_value()) {
      result_.train_metrics_clientapp[report.server_round] = *report.train->metrics;
    }
  }
  if (report.train.has_value()) report.train_seconds = exchange_.seconds();
  report.seconds += report.train_seconds;
  return absl::OkStatus();
}

Status Run::EvaluateOnNodes(RoundReport& report) {
  FLWRCPP_RETURN_IF_ERROR(CheckStop());
  FLWRCPP_ASSIGN_OR_RETURN(
      std::vector<Message> messages,
      strategy_.ConfigureEvaluate(report.server_round, arrays_, options_.evaluate_config, grid_,
                                  options_.stop));
  report.sampled_evaluate = static_cast<int>(messages.size());
  if (!messages.empty()) {
    exchange_.BeginPhase("evaluate", report.server_round);
    const std::unique_ptr<Aggregator> aggregator = strategy_.AggregateEvaluate(report.server_round);
    FLWRCPP_RETURN_IF_ERROR(exchange_.FillPlaces(std::move(messages), AddTo(*aggregator)));
    FLWRCPP_ASSIGN_OR_RETURN(report.evaluate, aggregator->Finish());
    exchange_.Complete(*report.evaluate);
    LogOutcome("evaluate", *report.evaluate);
    if (report.evaluate->metrics.has_value()) {
      result_.evaluate_metrics_clientapp[report.server_round] = *report.evaluate->metrics;
    }
  }
  if (report.evaluate.has_value()) report.evaluate_seconds = exchange_.seconds();
  report.seconds += report.evaluate_seconds;
  return absl::OkStatus();
}

Status Run::EvaluateOnServer(RoundReport& report) {
  if (!options_.evaluate_fn) return absl::OkStatus();
  FLWRCPP_RETURN_IF_ERROR(CheckStop());
  const Stopwatch watch;
  FLWRCPP_ASSIGN_OR_RETURN(report.server_metrics, CatchExceptions("evaluate_fn", [&] {
                             return options_.evaluate_fn(report.server_round, arrays_);
                           }));
  report.seconds += watch.seconds();
  if (report.server_metrics.has_value()) {
    Log(LogLevel::kInfo, "evaluate on the server: {}", MetricsText(*report.server_metrics));
    result_.evaluate_metrics_serverapp[report.server_round] = *report.server_metrics;
  }
  return absl::OkStatus();
}

Status Run::Report(const RoundReport& report) {
  if (!options_.on_round) return absl::OkStatus();
  return CatchExceptions("on_round", [&] { return options_.on_round(report, arrays_); });
}

Status Run::CheckStop() const {
  if (!options_.stop.stop_requested()) return absl::OkStatus();
  return MakeError(StatusCode::kCancelled, "stopped");
}

}  // namespace

Status Strategy::RestoreState(const RecordDict& state) {
  if (state.empty()) return absl::OkStatus();
  return internal::InvalidArgument("expected an empty state, got a record '{}'",
                                   state.item(0).first);
}

StatusOr<std::optional<AggregateResult>> Strategy::RunTrain(const TrainPhase& phase) {
  FLWRCPP_ASSIGN_OR_RETURN(
      std::vector<Message> messages,
      ConfigureTrain(phase.server_round, phase.arrays, phase.config, phase.grid, phase.stop));
  if (messages.empty()) return std::nullopt;
  const std::unique_ptr<Aggregator> aggregator = AggregateTrain(phase.server_round);
  FLWRCPP_RETURN_IF_ERROR(phase.exchange.FillPlaces(std::move(messages), AddTo(*aggregator)));
  return aggregator->Finish();
}

StatusOr<Result> Strategy::Start(Grid& grid, StartOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions(options));
  return Run(*this, grid, std::move(options)).Execute();
}

}  // namespace flwrcpp
