// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "privacy/clipping.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>

#include "client/classic_records.h"
#include "client/mod/change_update.h"
#include "flwrcpp/mod/differential_privacy.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/only_record.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::kClippingNormKey;
using internal::kNormBitKey;
using internal::UpdatedReply;

StatusOr<double> ClippingNormOf(const Message& message) {
  FLWRCPP_ASSIGN_OR_RETURN(const ConfigRecord* const config,
                           internal::TrainConfig(message.content()));
  const StatusOr<double> norm = config->GetDouble(kClippingNormKey);
  if (!norm.ok()) {
    return InvalidArgument(
        "config: {}; does the ServerApp use the differential-privacy wrapper with client-side "
        "clipping?",
        std::string(norm.status().message()));
  }
  if (!std::isnormal(*norm) || *norm <= 0) {
    return InvalidArgument("config: '{}' is {}, expected a number above 0", kClippingNormKey,
                           *norm);
  }
  return *norm;
}

Status SetNormBit(UpdatedReply& reply, bool clipped) {
  if (reply.classic) {
    Record* const metrics = reply.content.Find(internal::classic::kFitResMetrics);
    if (metrics == nullptr || !std::holds_alternative<ConfigRecord>(*metrics)) {
      return InvalidArgument("expected a ConfigRecord '{}', got none",
                             internal::classic::kFitResMetrics);
    }
    std::get<ConfigRecord>(*metrics).Set(kNormBitKey, clipped);
    return absl::OkStatus();
  }
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           internal::FindOnly<MetricRecord>(reply.content, "MetricRecord"));
  std::get<MetricRecord>(*reply.content.Find(item->first))
      .Set(kNormBitKey, std::int64_t{clipped ? 1 : 0});
  return absl::OkStatus();
}

StatusOr<Message> Clip(const char* mod, bool sends_norm_bit, const Message& message,
                       Context& context, const MessageHandler& next) {
  if (!internal::IsTrain(message)) return next(message, context);
  const StatusOr<double> norm = ClippingNormOf(message);
  if (!norm.ok()) return internal::FailedPrecondition(mod, message, norm.status());
  return internal::ChangeUpdate(mod, message, context, next, [&](UpdatedReply& reply) -> Status {
    FLWRCPP_ASSIGN_OR_RETURN(const bool clipped,
                             internal::ClipUpdate(reply.global, reply.arrays, *norm));
    internal::Log(LogLevel::kInfo, "{}: the update is clipped to {:.4f}", mod, *norm);
    return sends_norm_bit ? SetNormBit(reply, clipped) : absl::OkStatus();
  });
}

}  // namespace

Mod FixedClippingMod() {
  return [](const Message& message, Context& context, const MessageHandler& next) {
    return Clip("FixedClippingMod", false, message, context, next);
  };
}

Mod AdaptiveClippingMod() {
  return [](const Message& message, Context& context, const MessageHandler& next) {
    return Clip("AdaptiveClippingMod", true, message, context, next);
  };
}

}  // namespace flwrcpp
