// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// Golden numbers are those of stock Flower 1.42.0; tests/golden/make_privacy.py writes them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "flwrcpp/client.h"
#include "flwrcpp/client_app.h"
#include "flwrcpp/log.h"
#include "flwrcpp/mod/differential_privacy.h"
#include "flwrcpp/mod/message_size.h"
#include "tests/support/golden_arrays.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::DoublesOf;
using ::testing::ElementsAre;
using testing::ExpectArraysNear;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::Json;
using testing::ReadGoldenArrays;
using testing::StatusIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

ArrayRecord Doubles(std::vector<double> values) {
  const std::int64_t size = static_cast<std::int64_t>(values.size());
  return {{"w", Array::From(values, {size}).value()}};
}

Message Instruction(const std::string& type, RecordDict content) {
  Metadata metadata;
  metadata.message_id = "instruction";
  metadata.message_type = type;
  return {metadata, std::move(content)};
}

/// A message-based train instruction.
RecordDict TrainContent(ArrayRecord arrays, double clipping_norm) {
  return {{"arrays", std::move(arrays)},
          {"config", ConfigRecord{{"clipping_norm", clipping_norm}}}};
}

/// Answers with what it was made with.
MessageHandler Answering(RecordDict content) {
  return [content](const Message& message, Context&) -> StatusOr<Message> {
    return Message::ReplyTo(message, content);
  };
}

RecordDict Answer(ArrayRecord arrays) {
  return {{"arrays", std::move(arrays)},
          {"metrics", MetricRecord{{"num-examples", std::int64_t{3}}}}};
}

StatusOr<Message> Call(const Mod& mod, const Message& message, const MessageHandler& handler) {
  Context context;
  return mod(message, context, handler);
}

std::vector<double> ArraysOf(const Message& message) {
  return DoublesOf(*message.content().FindArrays("arrays")->Find("w"));
}

TEST(ClippingMods, ClipAsStockFlowersDo) {
  const Json golden = testing::ReadGoldenJson("privacy.json");
  ASSERT_GE(golden["clipping"].size(), 5);
  for (const Json& entry : golden["clipping"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const Message message = Instruction(
        "train",
        TrainContent(ReadGoldenArrays(entry["global"]), entry["clipping_norm"].get<double>()));
    for (const Json& reply : entry["replies"]) {
      const MessageHandler handler = Answering(Answer(ReadGoldenArrays(reply["arrays"])));

      const auto fixed = Call(FixedClippingMod(), message, handler);
      const auto adaptive = Call(AdaptiveClippingMod(), message, handler);

      ASSERT_THAT(fixed, IsOk());
      ASSERT_THAT(adaptive, IsOk());
      const ArrayRecord expected = ReadGoldenArrays(reply["clipped"]);
      // NumPy rounds each step to float32, of numbers below 8.
      ExpectArraysNear(*fixed->content().FindArrays("arrays"), expected, 2e-6);
      ExpectArraysNear(*adaptive->content().FindArrays("arrays"), expected, 2e-6);
      EXPECT_EQ(*fixed->content().FindMetrics("metrics"),
                (MetricRecord{{"num-examples", std::int64_t{3}}}));
      EXPECT_EQ(*adaptive->content().FindMetrics("metrics"),
                (MetricRecord{{"num-examples", std::int64_t{3}},
                              {"norm_bit", reply["norm_bit"].get<std::int64_t>()}}));
      EXPECT_EQ(fixed->metadata().reply_to_message_id, "instruction");
    }
  }
}

TEST(ClippingMods, ServeClassicServerApps) {
  const RecordDict content = {{"fitins.parameters", ArrayRecord{{"0", *Doubles({0, 0}).Find("w")}}},
                              {"fitins.config", ConfigRecord{{"clipping_norm", 5.0}}}};
  const auto client = [] {
    class Fitting : public NumPyClient {
      StatusOr<FitRes> Fit(const ArrayRecord&, const ConfigRecord&) override {
        FitRes result;
        result.parameters = Doubles({6, 8});
        result.num_examples = 3;
        return result;
      }
    };
    return std::make_shared<Fitting>();
  };
  for (const bool adaptive : {false, true}) {
    ClientApp app = MakeClientApp(
        [&](Context&) -> StatusOr<std::shared_ptr<NumPyClient>> { return client(); }, "loss");
    app.Use(adaptive ? AdaptiveClippingMod() : FixedClippingMod());
    Context context;

    const StatusOr<Message> reply = app.Handle(Instruction("train", content), context);

    ASSERT_THAT(reply, IsOk());
    const ArrayRecord* const parameters = reply->content().FindArrays("fitres.parameters");
    ASSERT_NE(parameters, nullptr) << reply->error().reason;
    EXPECT_THAT(DoublesOf(*parameters->Find("0")), ElementsAre(3, 4));
    const ConfigRecord& metrics = *reply->content().FindConfig("fitres.metrics");
    EXPECT_EQ(metrics.contains("norm_bit"), adaptive);
    EXPECT_EQ(metrics.GetBool("norm_bit").value_or(false), adaptive);
    EXPECT_EQ(
        reply->content().FindMetrics("fitres.num_examples")->GetDouble("num_examples").value(), 3);
  }
}

TEST(ClippingMods, AreMadeForTrainMessages) {
  const RecordDict content = {{"arrays", Doubles({0})}, {"config", ConfigRecord()}};
  for (const Mod& mod : {FixedClippingMod(), AdaptiveClippingMod(),
                         LocalDpMod({1, 1, 1, 0.1, std::nullopt}).value()}) {
    for (const char* type : {"evaluate", "query", "get_parameters", "evaluate.train"}) {
      const auto reply = Call(mod, Instruction(type, content), Answering(Answer(Doubles({50}))));
      ASSERT_THAT(reply, IsOk());
      EXPECT_THAT(ArraysOf(*reply), ElementsAre(50)) << type;
    }
  }
  const auto reply =
      Call(FixedClippingMod(), Instruction("train.personalize", TrainContent(Doubles({0}), 2)),
           Answering(Answer(Doubles({50}))));
  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(ArraysOf(*reply), ElementsAre(2));
}

/// The reason of an error reply of code 6; nothing if it is none.
std::string Refusal(const StatusOr<Message>& reply) {
  if (!reply.ok()) return std::string(reply.status().message());
  if (!reply->has_error() || reply->has_content() || reply->error().code != 6) return "";
  EXPECT_EQ(reply->metadata().reply_to_message_id, "instruction");
  return reply->error().reason;
}

TEST(ClippingMods, RefuseInstructionsThatDoNotFitBeforeTheWorkBegins) {
  const MessageHandler never = [](const Message&, Context&) -> StatusOr<Message> {
    ADD_FAILURE() << "the handler was called";
    return Status(StatusCode::kInternal, "called");
  };
  RecordDict two_arrays = TrainContent(Doubles({0}), 1);
  two_arrays.Set("more", Doubles({0}));
  RecordDict two_configs = TrainContent(Doubles({0}), 1);
  two_configs.Set("more", ConfigRecord());
  for (const auto& [content, text] : std::vector<std::pair<RecordDict, std::string>>{
           {two_arrays, "exactly one ArrayRecord, got 2"},
           {two_configs, "exactly one ConfigRecord, got 2"},
           {{{"config", ConfigRecord{{"clipping_norm", 1.0}}}}, "exactly one ArrayRecord, got 0"},
           {{{"arrays", Doubles({0})}}, "exactly one ConfigRecord, got 0"},
           {{{"arrays", Doubles({0})}, {"config", ConfigRecord()}}, "'clipping_norm'"},
           {{{"arrays", Doubles({0})},
             {"config", ConfigRecord{{"clipping_norm", std::string("much")}}}},
            "'clipping_norm'"},
           {TrainContent(Doubles({0}), 0), "expected a number above 0"},
           {TrainContent(Doubles({0}), kNan), "expected a number above 0"},
           {{{"fitins.parameters", ArrayRecord()}}, "'fitins.config'"}}) {
    for (const Mod& mod : {FixedClippingMod(), AdaptiveClippingMod()}) {
      EXPECT_THAT(Refusal(Call(mod, Instruction("train", content), never)), HasSubstr(text));
    }
  }
}

TEST(ClippingMods, LetNoUpdateOutThatTheyCouldNotClip) {
  const Message message = Instruction("train", TrainContent(Doubles({0, 0}), 1));
  RecordDict two_arrays = Answer(Doubles({0, 0}));
  two_arrays.Set("more", Doubles({0, 0}));
  const ArrayRecord other_key = {{"v", *Doubles({0, 0}).Find("w")}};
  for (const auto& [content, text] : std::vector<std::pair<RecordDict, std::string>>{
           {two_arrays, "exactly one ArrayRecord, got 2"},
           {Answer(other_key), "'v'"},
           {Answer({}), "the instruction has 1 arrays, the reply 0"},
           {Answer(Doubles({1})), "array 'w' has shape (1,)"},
           {Answer(Doubles({kNan, 1})), "array 'w': the norm of the update"}}) {
    for (const Mod& mod : {FixedClippingMod(), AdaptiveClippingMod(),
                           LocalDpMod({1, 1, 1, 0.1, std::nullopt}).value()}) {
      EXPECT_THAT(Refusal(Call(mod, message, Answering(content))), HasSubstr(text));
    }
  }
  const RecordDict no_metrics = {{"arrays", Doubles({0, 0})}};
  EXPECT_THAT(Call(FixedClippingMod(), message, Answering(no_metrics)), IsOk());
  EXPECT_THAT(Refusal(Call(AdaptiveClippingMod(), message, Answering(no_metrics))),
              HasSubstr("exactly one MetricRecord, got 0"));
}

TEST(ClippingMods, PassErrorsOn) {
  const Message message = Instruction("train", TrainContent(Doubles({0}), 1));

  const auto error = Call(FixedClippingMod(), message,
                          [](const Message& instruction, Context&) -> StatusOr<Message> {
                            return Message::ErrorReplyTo(instruction, Error{2, "broken"});
                          });
  const auto status =
      Call(AdaptiveClippingMod(), message, [](const Message&, Context&) -> StatusOr<Message> {
        return Status(StatusCode::kNotFound, "no data");
      });

  ASSERT_THAT(error, IsOk());
  EXPECT_EQ(error->error(), (Error{2, "broken"}));
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "no data"));
}

TEST(LocalDpMod, ClipsAndAddsNoiseOfItsStandardDeviation) {
  constexpr std::size_t kCount = 200'000;
  LocalDpOptions options;
  options.clipping_norm = 10;
  options.sensitivity = 2;
  options.epsilon = 0.5;
  options.delta = 1e-3;
  options.noise_seed = 1;
  const Mod mod = LocalDpMod(options).value();
  const std::vector<double> zeros(kCount);
  std::vector<double> update(kCount);
  update[0] = 1e9;  // 10 after clipping, in an array of noise
  const Message message =
      Instruction("train", {{"arrays", Doubles(zeros)}, {"config", ConfigRecord()}});

  const auto first = Call(mod, message, Answering(Answer(Doubles(update))));
  const auto second = Call(mod, message, Answering(Answer(Doubles(zeros))));

  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  const double stddev = 2 * std::sqrt(2 * std::log(1.25 / 1e-3)) / 0.5;
  EXPECT_NEAR(ArraysOf(*first)[0], 10, 8.6 * stddev);
  for (const auto& reply : {first, second}) {
    double squares = 0;
    for (const double value : ArraysOf(*reply)) squares += value * value;
    // 5.5 standard deviations of the mean of squares; the 10 of the first is too little to matter.
    EXPECT_NEAR(squares / kCount, stddev * stddev, 5.5 * std::sqrt(2.0 / kCount) * stddev * stddev);
  }
  EXPECT_NE(ArraysOf(*first)[1], ArraysOf(*second)[1]);
}

TEST(LocalDpMod, WithoutSensitivityOnlyClips) {
  const Mod mod = LocalDpMod({5, 0, 1, 0.1, std::nullopt}).value();
  const Message message = Instruction("train", {{"arrays", Doubles({0, 0})}});

  const auto reply = Call(mod, message, Answering(Answer(Doubles({6, 8}))));

  ASSERT_THAT(reply, IsOk());
  EXPECT_THAT(ArraysOf(*reply), ElementsAre(3, 4));
}

TEST(LocalDpMod, RefusesNumbersOutOfRange) {
  const auto refused = [](double clipping_norm, double sensitivity, double epsilon, double delta) {
    return LocalDpMod({clipping_norm, sensitivity, epsilon, delta, std::nullopt}).status();
  };
  EXPECT_THAT(LocalDpMod({}), StatusIs(StatusCode::kInvalidArgument, "LocalDpMod"));
  EXPECT_THAT(refused(0, 1, 1, 0.1), StatusIs(StatusCode::kInvalidArgument, "clipping_norm"));
  EXPECT_THAT(refused(1, -1, 1, 0.1), StatusIs(StatusCode::kInvalidArgument, "sensitivity"));
  EXPECT_THAT(refused(1, 1, 0, 0.1), StatusIs(StatusCode::kInvalidArgument, "epsilon"));
  EXPECT_THAT(refused(1, 1, kNan, 0.1), StatusIs(StatusCode::kInvalidArgument, "epsilon"));
  for (const double delta : {0.0, 1.0, kNan}) {
    EXPECT_THAT(refused(1, 1, 1, delta), StatusIs(StatusCode::kInvalidArgument, "delta"));
  }
  EXPECT_THAT(refused(1, 1e300, 1e-300, 0.1),
              StatusIs(StatusCode::kInvalidArgument, "standard deviation"));
}

/// The lines that a mod logs for one message.
std::vector<std::string> LinesOf(const Mod& mod, const Message& message,
                                 const MessageHandler& handler) {
  std::vector<std::string> lines;
  SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  EXPECT_THAT(Call(mod, message, handler), IsOk());
  SetLogSink({});
  return lines;
}

/// As in make_privacy.py.
RecordDict Sized() {
  return {{"arrays", ArrayRecord{{"matrix", Array::From(std::vector<float>(6), {2, 3}).value()},
                                 {"scalar", Array::From(std::vector<double>(1), {}).value()}}},
          {"metrics", MetricRecord{{"loss", 0.5}, {"list", std::vector<std::int64_t>{1, 2, 3}}}},
          {"config", ConfigRecord{{"flag", true},
                                  {"flags", std::vector<bool>{true, false}},
                                  {"number", std::int64_t{7}},
                                  {"rates", std::vector<double>{1, 2}},
                                  {"text", std::string("word")},
                                  {"texts", std::vector<std::string>{"a", "bcd"}},
                                  {"bytes", ByteString{"xyz"}}}}};
}

TEST(SizeMods, LogTheSizesThatStockFlowersDo) {
  const Json golden = testing::ReadGoldenJson("privacy.json")["sizes"];
  const Message message = Instruction("evaluate", Sized());
  const MessageHandler nothing = Answering({});

  EXPECT_THAT(LinesOf(MessageSizeMod(), message, nothing),
              ElementsAre("Incoming message size: " +
                              std::to_string(golden["message_bytes"].get<int>()) + " bytes",
                          "Outgoing message size: 0 bytes"));
  EXPECT_THAT(
      LinesOf(ArraysSizeMod(), message, nothing),
      ElementsAre(
          "Incoming ArrayRecord 'arrays': " + std::to_string(golden["arrays_elements"].get<int>()) +
              " elements, " + std::to_string(golden["arrays_bytes"].get<int>()) + " bytes",
          "Incoming arrays: " + std::to_string(golden["arrays_bytes"].get<int>()) + " bytes",
          "Outgoing arrays: 0 bytes"));
}

TEST(SizeMods, ChangeNothingAndTakeErrors) {
  const Message message = Instruction("evaluate", Sized());
  for (const Mod& mod : {MessageSizeMod(), ArraysSizeMod()}) {
    const auto reply = Call(mod, message, Answering(Sized()));
    ASSERT_THAT(reply, IsOk());
    EXPECT_EQ(reply->content(), Sized());
    EXPECT_THAT(Call(mod, message,
                     [](const Message& instruction, Context&) -> StatusOr<Message> {
                       return Message::ErrorReplyTo(instruction, Error{2, "broken"});
                     }),
                IsOk());
    EXPECT_THAT(Call(mod, message,
                     [](const Message&, Context&) -> StatusOr<Message> {
                       return Status(StatusCode::kNotFound, "no data");
                     }),
                StatusIs(StatusCode::kNotFound));
  }
}

TEST(MakeFfn, PutsModsAroundOneHandler) {
  ClientApp app;
  app.Train(MakeFfn(Answering(Answer(Doubles({50}))), {MessageSizeMod(), FixedClippingMod()}));
  app.Train(Answering(Answer(Doubles({50}))), "free");
  Context context;

  const auto clipped = app.Handle(Instruction("train", TrainContent(Doubles({0}), 2)), context);
  const auto free = app.Handle(Instruction("train.free", TrainContent(Doubles({0}), 2)), context);

  EXPECT_THAT(ArraysOf(clipped.value()), ElementsAre(2));
  EXPECT_THAT(ArraysOf(free.value()), ElementsAre(50));
}

}  // namespace
}  // namespace flwrcpp
