// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/context.h"
#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// Answers one message. A status that is not OK, or an exception, becomes an error reply of code 2
/// (CLIENT_APP_RAISED_EXCEPTION) with its text; it never ends the node.
using MessageHandler = std::function<StatusOr<Message>(const Message& message, Context& context)>;

/// Wraps a handler: may look at or change the message on its way in and the reply on its way out.
using Mod = std::function<StatusOr<Message>(const Message& message, Context& context,
                                            const MessageHandler& next)>;

/// A handler inside mods, the first of them the outermost: for mods that shall be around one
/// handler and not around the whole ClientApp. (`flwr.client.mod.make_ffn`)
///
///     app.Train(MakeFfn(handler, {MessageSizeMod()}));
MessageHandler MakeFfn(MessageHandler handler, const std::vector<Mod>& mods);

/// What a node does with the messages it gets. (`flwr.clientapp.ClientApp`)
///
///     ClientApp app;
///     app.Train([](const Message& message, Context& context) -> StatusOr<Message> { … });
///
/// Register everything before the node starts; a node calls the handlers one at a time.
class ClientApp {
 public:
  /// Handlers of the three message types; `action` is what follows the dot in the message type
  /// (`train.personalize`), "default" when nothing does. A second registration replaces the first.
  ClientApp& Train(MessageHandler handler, std::string action = "default");
  ClientApp& Evaluate(MessageHandler handler, std::string action = "default");
  ClientApp& Query(MessageHandler handler, std::string action = "default");

  /// Handler of a classic message type (`get_parameters`, `get_properties`).
  ClientApp& Classic(std::string message_type, MessageHandler handler);

  /// Adds a mod; the first one added is the outermost.
  ClientApp& Use(Mod mod);

  /// Answers one message through all mods.
  /// @return the reply, or `kUnimplemented` when no handler fits the message's type; whatever the
  ///   handler returned or threw otherwise (exceptions become `kInternal` with type and text).
  StatusOr<Message> Handle(const Message& message, Context& context) const;

 private:
  OrderedMap<MessageHandler> handlers_;  // by "type.action", or the classic type alone
  std::vector<Mod> mods_;
};

}  // namespace flwrcpp
