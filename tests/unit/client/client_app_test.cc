// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "flwrcpp/client_app.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "client/handler_error.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::StatusIs;

Message OfType(const std::string& type) {
  Metadata metadata;
  metadata.message_type = type;
  return {metadata, RecordDict()};
}

/// Answers with a record that tells who answered.
MessageHandler Saying(const std::string& name) {
  return [name](const Message& message, Context&) -> StatusOr<Message> {
    RecordDict content;
    content.Set(name, ConfigRecord());
    return Message::ReplyTo(message, content, 0);
  };
}

std::string WhoAnswers(const ClientApp& app, const std::string& type) {
  Context context;
  const StatusOr<Message> reply = app.Handle(OfType(type), context);
  return reply.ok() ? reply->content().item(0).first : std::string(reply.status().message());
}

TEST(ClientApp, FindsTheHandlerOfTypeAndAction) {
  ClientApp app;
  app.Train(Saying("train")).Train(Saying("personal"), "personalize").Evaluate(Saying("evaluate"));
  app.Query(Saying("query")).Classic("get_parameters", Saying("parameters"));

  EXPECT_EQ(WhoAnswers(app, "train"), "train");
  EXPECT_EQ(WhoAnswers(app, "train.default"), "train");
  EXPECT_EQ(WhoAnswers(app, "train.personalize"), "personal");
  EXPECT_EQ(WhoAnswers(app, "evaluate"), "evaluate");
  EXPECT_EQ(WhoAnswers(app, "query"), "query");
  EXPECT_EQ(WhoAnswers(app, "get_parameters"), "parameters");
}

TEST(ClientApp, RefusesTypesWithoutHandler) {
  ClientApp app;
  app.Train(Saying("train"));
  Context context;

  for (const char* type : {"evaluate", "train.other", "get_parameters", "system", "", "train."}) {
    EXPECT_THAT(app.Handle(OfType(type), context), StatusIs(StatusCode::kUnimplemented)) << type;
  }
}

TEST(ClientApp, ASecondRegistrationReplacesTheFirst) {
  ClientApp app;
  app.Train(Saying("first")).Train(Saying("second"));

  EXPECT_EQ(WhoAnswers(app, "train"), "second");
}

TEST(ClientApp, TheFirstModIsTheOutermost) {
  std::string order;
  const auto mod = [&](const std::string& name) {
    return [&order, name](const Message& message, Context& context, const MessageHandler& next) {
      order += name + "(";
      StatusOr<Message> reply = next(message, context);
      order += ")" + name;
      return reply;
    };
  };
  ClientApp app;
  app.Train([&](const Message& message, Context&) -> StatusOr<Message> {
    order += "handler";
    return Message::ReplyTo(message, {}, 0);
  });
  app.Use(mod("a")).Use(mod("b"));
  Context context;

  EXPECT_THAT(app.Handle(OfType("train"), context), IsOk());

  EXPECT_EQ(order, "a(b(handler)b)a");
}

TEST(ClientApp, AModMayAnswerInPlaceOfTheHandler) {
  ClientApp app;
  app.Train(Saying("handler"));
  app.Use([](const Message&, Context&, const MessageHandler&) -> StatusOr<Message> {
    return Status(StatusCode::kFailedPrecondition, "not today");
  });

  EXPECT_EQ(WhoAnswers(app, "train"), "not today");
}

TEST(ClientApp, ExceptionsOfHandlersAndModsBecomeErrorsWithTypeAndText) {
  ClientApp app;
  app.Train([](const Message&, Context&) -> StatusOr<Message> {
    throw std::runtime_error("out of 'paper'");
  });
  app.Query([](const Message&, Context&) -> StatusOr<Message> { throw 42; });
  Context context;

  const StatusOr<Message> reply = app.Handle(OfType("train"), context);
  EXPECT_THAT(reply, StatusIs(StatusCode::kInternal, "std::runtime_error: out of 'paper'"));
  EXPECT_EQ(internal::HandlerError(reply.status()).code, 2);
  EXPECT_EQ(internal::HandlerError(reply.status()).reason,
            "<class 'std::runtime_error'>:<'out of 'paper''>");
  EXPECT_THAT(app.Handle(OfType("query"), context), StatusIs(StatusCode::kInternal, "unknown"));
}

TEST(ClientApp, AFailedHandlersErrorReplyNamesTheStatus) {
  const Error error = internal::HandlerError(Status(StatusCode::kNotFound, "no data"));

  EXPECT_EQ(error.code, 2);
  EXPECT_EQ(error.reason, "<class 'flwrcpp::Status'>:<'NOT_FOUND: no data'>");
}

TEST(ClientApp, ErrorRepliesAreValidUtf8) {
  const std::pair<std::string, std::string> texts[] = {
      {"plain", "plain"},
      {"Größe ✓ 🌼", "Größe ✓ 🌼"},
      {"Gr\xf6\xdf"
       "e",
       "Gr??e"},
      {"cut \xf0\x9f\x8c", "cut ???"},
      {"\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \x80 \xff", "?? ??? ???? ? ?"}};
  for (const auto& [text, expected] : texts) {
    EXPECT_EQ(internal::ToUtf8(text), expected);
    EXPECT_EQ(internal::HandlerError(internal::HandlerException("E", text)).reason,
              "<class 'E'>:<'" + expected + "'>");
  }
}

}  // namespace
}  // namespace flwrcpp
