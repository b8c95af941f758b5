// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client/mod/change_update.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

#include "client/classic_records.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/only_record.h"

namespace flwrcpp::internal {
namespace {

/// The arrays of a train instruction or reply, and their record's name.
StatusOr<const RecordDict::Item*> FindArrays(const RecordDict& content, const char* classic_name,
                                             bool classic) {
  if (!classic) return FindOnly<ArrayRecord>(content, "ArrayRecord");
  for (const RecordDict::Item& item : content) {
    if (item.first == classic_name && std::holds_alternative<ArrayRecord>(item.second)) {
      return &item;
    }
  }
  return InvalidArgument("expected an ArrayRecord '{}', got none", classic_name);
}

/// ServerApps pair the arrays by their position.
Status CheckSameKeys(const ArrayRecord& global, const ArrayRecord& arrays) {
  if (global.size() != arrays.size()) {
    return InvalidArgument("the instruction has {} arrays, the reply {}", global.size(),
                           arrays.size());
  }
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (arrays.item(i).first == global.item(i).first) continue;
    return InvalidArgument("array {} of the reply is '{}', that of the instruction '{}'", i,
                           arrays.item(i).first, global.item(i).first);
  }
  return absl::OkStatus();
}

/// Changes the reply's arrays and puts them back.
Status Change(const RecordDict& instruction, RecordDict& content,
              const std::function<Status(UpdatedReply& reply)>& change) {
  const bool classic = IsClassicTrain(instruction);
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const sent,
                           FindArrays(instruction, classic::kFitParameters, classic));
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const received,
                           FindArrays(content, classic::kFitResParameters, classic));
  const std::string name = received->first;
  ArrayRecord global = std::get<ArrayRecord>(sent->second);
  ArrayRecord arrays = std::get<ArrayRecord>(received->second);
  if (classic) {  // their keys are positions
    global = classic::ReadParameters(global);
    arrays = classic::ReadParameters(arrays);
  }
  FLWRCPP_RETURN_IF_ERROR(CheckSameKeys(global, arrays));
  content.Set(name, ArrayRecord());  // so that replaced arrays are let go
  UpdatedReply reply{global, arrays, content, classic};
  FLWRCPP_RETURN_IF_ERROR(change(reply));
  content.Set(name, classic ? classic::WriteParameters(arrays) : std::move(arrays));
  return absl::OkStatus();
}

}  // namespace

bool IsTrain(const Message& message) {
  const std::string& type = message.metadata().message_type;
  return type.substr(0, type.find('.')) == message_type::kTrain;
}

bool IsClassicTrain(const RecordDict& instruction) {
  return instruction.FindArrays(classic::kFitParameters) != nullptr;
}

StatusOr<const ConfigRecord*> TrainConfig(const RecordDict& instruction) {
  if (IsClassicTrain(instruction)) {
    const ConfigRecord* const config = instruction.FindConfig(classic::kFitConfig);
    if (config != nullptr) return config;
    return InvalidArgument("expected a ConfigRecord '{}', got none", classic::kFitConfig);
  }
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const item,
                           FindOnly<ConfigRecord>(instruction, "ConfigRecord"));
  return &std::get<ConfigRecord>(item->second);
}

StatusOr<Message> ChangeUpdate(const char* mod, const Message& message, Context& context,
                               const MessageHandler& next,
                               const std::function<Status(UpdatedReply& reply)>& change) {
  // Before the work is done in vain.
  const Status found =
      FindArrays(message.content(), classic::kFitParameters, IsClassicTrain(message.content()))
          .status();
  if (!found.ok()) return FailedPrecondition(mod, message, found);

  StatusOr<Message> reply = next(message, context);
  if (!reply.ok() || reply->has_error()) return reply;
  RecordDict content = reply->content();
  const Metadata metadata = reply->metadata();
  *reply = Message();  // so that replaced arrays are let go
  const Status status = Change(message.content(), content, change);
  if (status.code() == StatusCode::kInvalidArgument) {
    return FailedPrecondition(mod, message, Annotate(status, "reply"));
  }
  FLWRCPP_RETURN_IF_ERROR(status);
  return Message(metadata, std::move(content));
}

Message FailedPrecondition(const char* mod, const Message& message, const Status& status) {
  const std::string reason = fmt::format("{}: {}", mod, std::string(status.message()));
  Log(LogLevel::kError, "{}", reason);
  return Message::ErrorReplyTo(
      message, Error{static_cast<std::int64_t>(ErrorCode::kModFailedPrecondition), reason});
}

}  // namespace flwrcpp::internal
