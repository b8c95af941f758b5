// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/client_app.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

#include "client/handler_error.h"
#include "internal/errors.h"

namespace flwrcpp {
namespace {

constexpr std::string_view kDefaultAction = "default";

std::string HandlerName(std::string_view type, std::string_view action) {
  return std::string(type) + "." + std::string(action);
}

std::string ReadableTypeName(const std::exception& exception) {
  const char* const mangled = typeid(exception).name();
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return status == 0 && name != nullptr ? name.get() : mangled;
}

/// Calls the mods from `position` on, then the handler.
StatusOr<Message> CallFrom(const std::vector<Mod>& mods, std::size_t position,
                           const MessageHandler& handler, const Message& message,
                           Context& context) {
  if (position == mods.size()) return handler(message, context);
  return mods[position](message, context, [&, position](const Message& inner, Context& same) {
    return CallFrom(mods, position + 1, handler, inner, same);
  });
}

}  // namespace

MessageHandler MakeFfn(MessageHandler handler, const std::vector<Mod>& mods) {
  return [handler = std::move(handler), mods](const Message& message, Context& context) {
    return CallFrom(mods, 0, handler, message, context);
  };
}

ClientApp& ClientApp::Train(MessageHandler handler, std::string action) {
  handlers_.Set(HandlerName(message_type::kTrain, action), std::move(handler));
  return *this;
}

ClientApp& ClientApp::Evaluate(MessageHandler handler, std::string action) {
  handlers_.Set(HandlerName(message_type::kEvaluate, action), std::move(handler));
  return *this;
}

ClientApp& ClientApp::Query(MessageHandler handler, std::string action) {
  handlers_.Set(HandlerName(message_type::kQuery, action), std::move(handler));
  return *this;
}

ClientApp& ClientApp::Classic(std::string message_type, MessageHandler handler) {
  handlers_.Set(std::move(message_type), std::move(handler));
  return *this;
}

ClientApp& ClientApp::Use(Mod mod) {
  mods_.push_back(std::move(mod));
  return *this;
}

StatusOr<Message> ClientApp::Handle(const Message& message, Context& context) const {
  const std::string& type = message.metadata().message_type;
  const MessageHandler* handler = handlers_.Find(type);
  if (handler == nullptr) handler = handlers_.Find(HandlerName(type, kDefaultAction));
  if (handler == nullptr) {
    return internal::MakeError(StatusCode::kUnimplemented,
                               "the ClientApp has no handler for messages of type '{}'", type);
  }
  try {
    return CallFrom(mods_, 0, *handler, message, context);
  } catch (const std::exception& exception) {
    return internal::HandlerException(ReadableTypeName(exception), exception.what());
  } catch (...) {
    return internal::HandlerException("unknown", "an exception that is no std::exception");
  }
}

}  // namespace flwrcpp
