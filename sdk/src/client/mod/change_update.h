// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include "flwrcpp/client_app.h"
#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// True for train messages, with or without an action.
bool IsTrain(const Message& message);

/// True if the content is that of a classic ServerApp.
bool IsClassicTrain(const RecordDict& instruction);

/// The config of a train instruction.
/// @return `kInvalidArgument` when there is none, or several.
StatusOr<const ConfigRecord*> TrainConfig(const RecordDict& instruction);

/// A train reply that a mod may change.
struct UpdatedReply {
  const ArrayRecord& global;  ///< Of the instruction, with the keys of `arrays`.
  ArrayRecord& arrays;
  RecordDict& content;  ///< Of the whole reply. `arrays` take their place in it afterwards.
  bool classic = false;
};

/// The reply to `message` after all preconditions of Flower's mods: an error reply with the reason
/// when one of them, or `change`, fails with `kInvalidArgument`.
/// @param mod for the reason.
/// @return other errors of `change`, and what `next` returned if that is no reply with content.
StatusOr<Message> ChangeUpdate(const char* mod, const Message& message, Context& context,
                               const MessageHandler& next,
                               const std::function<Status(UpdatedReply& reply)>& change);

/// The error reply of a mod whose precondition failed, logged.
Message FailedPrecondition(const char* mod, const Message& message, const Status& status);

}  // namespace flwrcpp::internal
