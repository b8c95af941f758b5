// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "client/classic_records.h"
#include "client/secagg/node_state.h"
#include "client/secagg/stages.h"
#include "flwrcpp/mod/secagg.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::MakeError;
using internal::secagg::NodeState;
namespace classic = internal::classic;
namespace secagg = internal::secagg;

constexpr std::array<const char*, 4> kStages = {secagg::kSetup, secagg::kShareKeys,
                                                secagg::kCollectMaskedVectors, secagg::kUnmask};

/// A round may begin at any time; within it one stage follows the other.
Status CheckStage(const std::string& last, const std::string& next) {
  const auto* const found = std::find(kStages.begin(), kStages.end(), next);
  if (found == kStages.end()) return InvalidArgument("there is no stage '{}'", next);
  if (next == secagg::kSetup) {
    if (last != secagg::kUnmask) {
      internal::Log(LogLevel::kWarning,
                    "secure aggregation: a new round begins, the last one ended after '{}'", last);
    }
    return absl::OkStatus();
  }
  if (last == *(found - 1)) return absl::OkStatus();
  return MakeError(StatusCode::kFailedPrecondition, "stage '{}' cannot follow '{}'", next, last);
}

/// What the app trained, as classic records hold it.
struct FitOutcome {
  const ArrayRecord* parameters = nullptr;
  std::int64_t num_examples = 0;
};

StatusOr<FitOutcome> ReadFit(const Message& reply) {
  if (reply.has_error()) return InvalidArgument("the app failed: {}", reply.error().reason);
  const RecordDict& content = reply.content();
  FitOutcome outcome;
  outcome.parameters = content.FindArrays(classic::kFitResParameters);
  const MetricRecord* const examples = content.FindMetrics(classic::kFitResNumExamples);
  const MetricValue* const count = examples == nullptr ? nullptr : examples->Find("num_examples");
  const auto* const number = count == nullptr ? nullptr : std::get_if<std::int64_t>(count);
  if (outcome.parameters == nullptr || number == nullptr) {
    return InvalidArgument("the app did not answer with classic records ('{}', '{}')",
                           classic::kFitResParameters, classic::kFitResNumExamples);
  }
  outcome.num_examples = *number;
  const ConfigRecord* const status = content.FindConfig(classic::kFitResStatus);
  if (status != nullptr && status->GetInt("code").value_or(0) != 0) {
    return MakeError(StatusCode::kFailedPrecondition, "the app did not train: {}",
                     status->GetString("message").value_or(""));
  }
  return outcome;
}

/// The records of the third stage's reply: the app's without its arrays.
StatusOr<RecordDict> Collect(const Message& message, const ConfigRecord& configs, Context& context,
                             const MessageHandler& next, NodeState& state) {
  // Before the work, which would be in vain.
  FLWRCPP_RETURN_IF_ERROR(secagg::ReceiveShares(context.node_id, configs, state));
  FLWRCPP_ASSIGN_OR_RETURN(const Message trained, next(message, context));
  FLWRCPP_ASSIGN_OR_RETURN(const FitOutcome fit, ReadFit(trained));
  FLWRCPP_ASSIGN_OR_RETURN(
      ConfigRecord masked,
      secagg::MaskParameters(context.node_id, *fit.parameters, fit.num_examples, state));
  RecordDict content;
  for (const auto& [name, record] : trained.content()) {
    // Whatever arrays there are must not leave the node as they are.
    content.Set(name, std::holds_alternative<ArrayRecord>(record) ? ArrayRecord() : record);
  }
  content.Set(secagg::kConfigs, std::move(masked));
  return content;
}

StatusOr<RecordDict> AnswerStage(const Message& message, const ConfigRecord& configs,
                                 Context& context, const MessageHandler& next, NodeState& state) {
  if (state.stage == secagg::kCollectMaskedVectors) {
    return Collect(message, configs, context, next, state);
  }
  StatusOr<ConfigRecord> reply = state.stage == secagg::kSetup ? secagg::Setup(configs, state)
                                 : state.stage == secagg::kShareKeys
                                     ? secagg::ShareKeys(context.node_id, configs, state)
                                     : secagg::Unmask(context.node_id, configs, state);
  if (!reply.ok()) return reply.status();
  RecordDict content;
  content.Set(secagg::kConfigs, *std::move(reply));
  return content;
}

StatusOr<Message> Answer(const Message& message, Context& context, const MessageHandler& next) {
  FLWRCPP_ASSIGN_OR_RETURN(const ConfigRecord* const configs,
                           secagg::GetConfigs(message.content()));
  FLWRCPP_ASSIGN_OR_RETURN(const std::string stage, configs->GetString(secagg::kStage));
  FLWRCPP_ASSIGN_OR_RETURN(NodeState state, secagg::LoadState(context.state));
  FLWRCPP_RETURN_IF_ERROR(CheckStage(state.stage, stage));
  state.stage = stage;
  StatusOr<RecordDict> content = AnswerStage(message, *configs, context, next, state);
  if (!content.ok()) return internal::Annotate(content.status(), "stage '" + stage + "'");
  secagg::SaveState(state, context.state);
  return Message::ReplyTo(message, *std::move(content));
}

}  // namespace

Mod SecAggPlusMod() {
  return [](const Message& message, Context& context,
            const MessageHandler& next) -> StatusOr<Message> {
    const std::string& type = message.metadata().message_type;
    // Actions of training (`train.personalize`) have no stages, but arrays as well.
    if (type.substr(0, type.find('.')) != message_type::kTrain) return next(message, context);
    StatusOr<Message> reply =
        type == message_type::kTrain
            ? Answer(message, context, next)
            : StatusOr<Message>(InvalidArgument("messages of type '{}' have none", type));
    if (!reply.ok()) return internal::Annotate(reply.status(), "secure aggregation");
    return reply;
  };
}

Mod SecAggMod() { return SecAggPlusMod(); }

}  // namespace flwrcpp
