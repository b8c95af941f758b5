// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "flwrcpp/workflow/secagg.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "server/secagg/neighbours.h"
#include "server/secagg/round.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

std::string NumberText(const std::variant<int, double>& number) {
  return std::visit([](auto value) { return fmt::format("{}", value); }, number);
}

}  // namespace

StatusOr<std::unique_ptr<SecAggPlusWorkflow>> SecAggPlusWorkflow::Create(
    std::unique_ptr<Strategy> strategy, SecAggPlusOptions options) {
  if (strategy == nullptr) return InvalidArgument("SecAggPlusWorkflow: there is no strategy");
  const Status status = internal::secagg::CheckOptions(options);
  if (!status.ok()) return internal::Annotate(status, "SecAggPlusWorkflow");
  return std::unique_ptr<SecAggPlusWorkflow>(new SecAggPlusWorkflow(std::move(strategy), options));
}

StatusOr<std::unique_ptr<SecAggPlusWorkflow>> MakeSecAggWorkflow(std::unique_ptr<Strategy> strategy,
                                                                 SecAggPlusOptions options) {
  if (options.num_shares != SecAggPlusOptions().num_shares) {
    return InvalidArgument("SecAgg has a share for every node; num_shares is SecAgg+'s");
  }
  return SecAggPlusWorkflow::Create(std::move(strategy), options);
}

SecAggPlusWorkflow::SecAggPlusWorkflow(std::unique_ptr<Strategy> strategy,
                                       SecAggPlusOptions options)
    : StrategyWrapper(std::move(strategy)), options_(options) {}

StatusOr<std::optional<AggregateResult>> SecAggPlusWorkflow::RunTrain(const TrainPhase& phase) {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> messages,
                           StrategyWrapper::ConfigureTrain(phase.server_round, phase.arrays,
                                                           phase.config, phase.grid, phase.stop));
  if (messages.empty()) return std::nullopt;
  const std::unique_ptr<Aggregator> aggregator = AggregateTrain(phase.server_round);
  const int expected = static_cast<int>(messages.size());
  int received = 0;
  const auto on_reply = [&](Message reply) {
    aggregator->Add(std::move(reply));
    return phase.on_reply(++received, expected);
  };
  internal::secagg::Round round(phase.grid, options_, phase.timeout, phase.stop);
  const Status status = round.Run(phase.server_round, std::move(messages), on_reply);
  if (!status.ok()) return internal::Annotate(status, "secure aggregation");
  return aggregator->Finish();
}

StatusOr<std::vector<Message>> SecAggPlusWorkflow::ConfigureTrain(int /*server_round*/,
                                                                  const ArrayRecord& /*arrays*/,
                                                                  const ConfigRecord& /*config*/,
                                                                  Grid& /*grid*/,
                                                                  std::stop_token /*stop*/) {
  return internal::MakeError(
      StatusCode::kFailedPrecondition,
      "SecAggPlusWorkflow has to be the outermost strategy: models would come unprotected");
}

std::vector<std::string> SecAggPlusWorkflow::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("SecAggPlusWorkflow: num_shares {}, reconstruction_threshold {}",
                  NumberText(options_.num_shares), NumberText(options_.reconstruction_threshold)),
      fmt::format("max_weight {}, clipping_range {}, quantization_range {}, modulus_range {}",
                  options_.max_weight, options_.clipping_range, options_.quantization_range,
                  options_.modulus_range)};
  for (std::string& line : StrategyWrapper::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
