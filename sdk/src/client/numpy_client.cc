// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <utility>
#include <variant>

#include "client/classic_records.h"
#include "flwrcpp/client.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace {

namespace classic = internal::classic;

constexpr char kArrays[] = "arrays";
constexpr char kConfig[] = "config";
constexpr char kMetrics[] = "metrics";
constexpr char kNumExamples[] = "num-examples";

Status NotImplemented(const char* method) {
  return internal::MakeError(StatusCode::kUnimplemented, "Client does not implement `{}`", method);
}

/// Records of message-based ServerApps may be called differently: then the first of its kind.
template <typename Kind>
const Kind* FindOrFirst(const RecordDict& content, std::string_view name) {
  if (const Record* const record = content.Find(name)) {
    if (const Kind* const found = std::get_if<Kind>(record)) return found;
  }
  for (const auto& [key, record] : content) {
    if (const Kind* const found = std::get_if<Kind>(&record)) return found;
  }
  return nullptr;
}

const ConfigRecord& ConfigOrEmpty(const ConfigRecord* config) {
  static const ConfigRecord kNone;
  return config == nullptr ? kNone : *config;
}

/// Adds the numbers among a client's metrics: all that a message-based ServerApp can average.
void AddNumbers(const ConfigRecord& metrics, MetricRecord& record) {
  for (const auto& item : metrics) {
    const std::string& key = item.first;
    if (key == kNumExamples) continue;
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_constructible_v<MetricValue, decltype(value)> &&
                        !std::is_same_v<std::decay_t<decltype(value)>, bool>) {
            record.Set(key, value);
          }
        },
        item.second);
  }
}

/// Gives a client's arrays the names and the order of the arrays it got: ServerApps compare both.
StatusOr<ArrayRecord> WithNamesOf(const ArrayRecord& received, ArrayRecord result) {
  if (received.empty()) return result;
  if (received.size() != result.size()) {
    return internal::InvalidArgument("Fit got {} arrays and returned {}", received.size(),
                                     result.size());
  }
  const bool same_names = std::all_of(received.begin(), received.end(), [&](const auto& item) {
    return result.contains(item.first);
  });
  ArrayRecord named;
  for (std::size_t i = 0; i < received.size(); ++i) {
    const std::string& name = received.item(i).first;
    named.Set(name, same_names ? *result.Find(name) : result.item(i).second);
  }
  return named;
}

/// A result that a classic reply can carry: good, or not implemented.
template <typename T>
bool IsClassicResult(const StatusOr<T>& result) {
  return result.ok() || result.status().code() == StatusCode::kUnimplemented;
}

StatusOr<RecordDict> FitMessage(NumPyClient& client, const RecordDict& content) {
  const ArrayRecord* const arrays = FindOrFirst<ArrayRecord>(content, kArrays);
  if (arrays == nullptr) return internal::InvalidArgument("train message has no ArrayRecord");
  FLWRCPP_ASSIGN_OR_RETURN(
      FitRes fit, client.Fit(*arrays, ConfigOrEmpty(FindOrFirst<ConfigRecord>(content, kConfig))));
  FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord named, WithNamesOf(*arrays, std::move(fit.parameters)));
  MetricRecord metrics;
  AddNumbers(fit.metrics, metrics);
  metrics.Set(kNumExamples, fit.num_examples);
  RecordDict reply;
  reply.Set(kArrays, std::move(named));
  reply.Set(kMetrics, std::move(metrics));
  return reply;
}

StatusOr<RecordDict> EvaluateMessage(NumPyClient& client, const RecordDict& content,
                                     const std::string& loss_name) {
  const ArrayRecord* const arrays = FindOrFirst<ArrayRecord>(content, kArrays);
  if (arrays == nullptr) return internal::InvalidArgument("evaluate message has no ArrayRecord");
  FLWRCPP_ASSIGN_OR_RETURN(
      const EvaluateRes evaluate,
      client.Evaluate(*arrays, ConfigOrEmpty(FindOrFirst<ConfigRecord>(content, kConfig))));
  MetricRecord metrics;
  metrics.Set(loss_name, evaluate.loss);
  AddNumbers(evaluate.metrics, metrics);
  metrics.Set(kNumExamples, evaluate.num_examples);
  RecordDict reply;
  reply.Set(kMetrics, std::move(metrics));
  return reply;
}

StatusOr<RecordDict> AnswerTrain(NumPyClient& client, const RecordDict& content) {
  const ArrayRecord* const parameters = content.FindArrays(classic::kFitParameters);
  if (parameters == nullptr) return FitMessage(client, content);
  const StatusOr<FitRes> fit = client.Fit(classic::ReadParameters(*parameters),
                                          ConfigOrEmpty(content.FindConfig(classic::kFitConfig)));
  if (!IsClassicResult(fit)) return fit.status();
  return classic::FitReply(fit);
}

StatusOr<RecordDict> AnswerEvaluate(NumPyClient& client, const RecordDict& content,
                                    const std::string& loss_name) {
  const ArrayRecord* const parameters = content.FindArrays(classic::kEvaluateParameters);
  if (parameters == nullptr) return EvaluateMessage(client, content, loss_name);
  const StatusOr<EvaluateRes> evaluate =
      client.Evaluate(classic::ReadParameters(*parameters),
                      ConfigOrEmpty(content.FindConfig(classic::kEvaluateConfig)));
  if (!IsClassicResult(evaluate)) return evaluate.status();
  return classic::EvaluateReply(evaluate);
}

StatusOr<RecordDict> AnswerGetParameters(NumPyClient& client, const RecordDict& content) {
  const StatusOr<ArrayRecord> parameters =
      client.GetParameters(ConfigOrEmpty(content.FindConfig(classic::kGetParametersConfig)));
  if (!IsClassicResult(parameters)) return parameters.status();
  return classic::GetParametersReply(parameters);
}

StatusOr<RecordDict> AnswerGetProperties(NumPyClient& client, const RecordDict& content) {
  const StatusOr<ConfigRecord> properties =
      client.GetProperties(ConfigOrEmpty(content.FindConfig(classic::kGetPropertiesConfig)));
  if (!IsClassicResult(properties)) return properties.status();
  return classic::GetPropertiesReply(properties);
}

/// A handler that makes the client, lets `answer` call it and wraps what comes out.
template <typename Answer>
MessageHandler Handler(const ClientFn& client_fn, Answer answer) {
  return [client_fn, answer](const Message& message, Context& context) -> StatusOr<Message> {
    FLWRCPP_ASSIGN_OR_RETURN(const std::shared_ptr<NumPyClient> client, client_fn(context));
    if (client == nullptr) return internal::InvalidArgument("the client function made no client");
    FLWRCPP_ASSIGN_OR_RETURN(RecordDict content, answer(*client, message.content()));
    return Message::ReplyTo(message, std::move(content));
  };
}

}  // namespace

StatusOr<ArrayRecord> NumPyClient::GetParameters(const ConfigRecord& /*config*/) {
  return NotImplemented("get_parameters");
}

StatusOr<ConfigRecord> NumPyClient::GetProperties(const ConfigRecord& /*config*/) {
  return NotImplemented("get_properties");
}

StatusOr<FitRes> NumPyClient::Fit(const ArrayRecord& /*parameters*/,
                                  const ConfigRecord& /*config*/) {
  return NotImplemented("fit");
}

StatusOr<EvaluateRes> NumPyClient::Evaluate(const ArrayRecord& /*parameters*/,
                                            const ConfigRecord& /*config*/) {
  return NotImplemented("evaluate");
}

ClientApp MakeClientApp(ClientFn client_fn, std::string loss_name) {
  ClientApp app;
  app.Train(Handler(client_fn, AnswerTrain));
  app.Evaluate(Handler(client_fn, [loss_name](NumPyClient& client, const RecordDict& content) {
    return AnswerEvaluate(client, content, loss_name);
  }));
  app.Classic(std::string(message_type::kGetParameters), Handler(client_fn, AnswerGetParameters));
  app.Classic(std::string(message_type::kGetProperties), Handler(client_fn, AnswerGetProperties));
  return app;
}

}  // namespace flwrcpp
