// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/classic/classic_messages.h"

#include <string>
#include <utility>

#include "client/classic_records.h"
#include "client/handler_error.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "records/classic_wire.h"

namespace flwrcpp::internal::classic {
namespace {

using flwr::proto::ClientMessage;
using flwr::proto::Code;
using flwr::proto::ServerMessage;

constexpr char kNumExamples[] = "num-examples";  // of message-based apps

/// Parameters as an ArrayRecord of the classic layer.
ArrayRecord MarkedTensors(const flwr::proto::Parameters& parameters,
                          const std::shared_ptr<const void>& owner) {
  ArrayRecord record = ReadTensors(parameters, owner);
  if (record.empty()) {
    record.Set(std::string(kEmptyMark), Array("", {}, parameters.tensor_type(), {}));
  }
  return record;
}

Instruction Task(std::string_view type, RecordDict content, double now) {
  Metadata metadata;
  metadata.src_node_id = kSuperLinkNodeId;
  metadata.created_at = now;
  metadata.ttl = kDefaultTtlSeconds;
  metadata.message_type = type;
  return Message(std::move(metadata), std::move(content));
}

template <typename Kind>
const Kind* FirstOf(const RecordDict& content) {
  for (const auto& item : content) {
    if (const Kind* const found = std::get_if<Kind>(&item.second)) return found;
  }
  return nullptr;
}

/// The whole number `key` of `record`, if it is there.
StatusOr<std::int64_t> Count(const MetricRecord* record, std::string_view key) {
  const MetricValue* const value = record == nullptr ? nullptr : record->Find(key);
  if (value == nullptr) return InvalidArgument("the reply has no metric '{}'", key);
  if (const auto* const count = std::get_if<std::int64_t>(value)) return *count;
  if (const auto* const count = std::get_if<std::uint64_t>(value)) {
    return static_cast<std::int64_t>(*count);
  }
  return InvalidArgument("metric '{}' of the reply is no whole number", key);
}

/// The numbers of `record` but for those that have fields of their own.
Status WriteMetrics(const MetricRecord& record, std::string_view loss, ScalarMap& proto) {
  ConfigRecord metrics;
  for (const auto& [key, value] : record) {
    if (key == kNumExamples || key == loss) continue;
    std::visit([&, &name = key](const auto& number) { metrics.Set(name, number); }, value);
  }
  return WriteScalars(metrics, "metrics of the reply", proto);
}

Status WriteConfig(const ConfigRecord* record, std::string_view where, ScalarMap& proto) {
  return record == nullptr ? absl::OkStatus() : WriteScalars(*record, where, proto);
}

/// Copies the status that a handler of the classic layer put into its reply.
void WriteStatus(const ConfigRecord* record, flwr::proto::Status& proto) {
  if (record == nullptr) return;
  const std::int64_t code = record->GetInt("code").value_or(0);
  if (flwr::proto::Code_IsValid(static_cast<int>(code))) {
    proto.set_code(static_cast<Code>(code));
  }
  proto.set_message(ToUtf8(record->GetString("message").value_or("")));
}

StatusOr<std::vector<Bytes>> WriteFit(const RecordDict& content) {
  ClientMessage::FitRes proto;
  const ArrayRecord* arrays = content.FindArrays("fitres.parameters");
  if (arrays != nullptr) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t count,
                             Count(content.FindMetrics("fitres.num_examples"), "num_examples"));
    proto.set_num_examples(count);
    FLWRCPP_RETURN_IF_ERROR(WriteConfig(content.FindConfig("fitres.metrics"), "fitres.metrics",
                                        *proto.mutable_metrics()));
    WriteStatus(content.FindConfig("fitres.status"), *proto.mutable_status());
  } else {
    arrays = FirstOf<ArrayRecord>(content);
    const auto* const metrics = FirstOf<MetricRecord>(content);
    if (arrays == nullptr) return InvalidArgument("the reply has no ArrayRecord");
    FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t count, Count(metrics, kNumExamples));
    proto.set_num_examples(count);
    FLWRCPP_RETURN_IF_ERROR(WriteMetrics(*metrics, "", *proto.mutable_metrics()));
    proto.mutable_status();
  }
  return WithTensors(
      {ClientMessage::kFitResFieldNumber, ClientMessage::FitRes::kParametersFieldNumber}, proto,
      *arrays);
}

StatusOr<std::vector<Bytes>> WriteEvaluate(const RecordDict& content) {
  ClientMessage message;
  ClientMessage::EvaluateRes& proto = *message.mutable_evaluate_res();
  const MetricRecord* metrics = content.FindMetrics("evaluateres.loss");
  std::string_view loss_name = "loss";
  std::string_view count_name = "num_examples";
  const MetricRecord* counts = content.FindMetrics("evaluateres.num_examples");
  if (metrics != nullptr) {
    FLWRCPP_RETURN_IF_ERROR(WriteConfig(content.FindConfig("evaluateres.metrics"),
                                        "evaluateres.metrics", *proto.mutable_metrics()));
    WriteStatus(content.FindConfig("evaluateres.status"), *proto.mutable_status());
  } else {
    metrics = counts = FirstOf<MetricRecord>(content);
    if (metrics == nullptr) return InvalidArgument("the reply has no MetricRecord");
    if (metrics->contains("eval_loss")) loss_name = "eval_loss";
    count_name = kNumExamples;
    FLWRCPP_RETURN_IF_ERROR(WriteMetrics(*metrics, loss_name, *proto.mutable_metrics()));
    proto.mutable_status();
  }
  FLWRCPP_ASSIGN_OR_RETURN(const double loss, metrics->GetDouble(loss_name));
  proto.set_loss(static_cast<float>(loss));
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t count, Count(counts, count_name));
  proto.set_num_examples(count);
  return std::vector<Bytes>{Bytes(message.SerializeAsString())};
}

StatusOr<std::vector<Bytes>> WriteGetParameters(const RecordDict& content) {
  ClientMessage::GetParametersRes proto;
  const ArrayRecord* arrays = content.FindArrays("getparametersres.parameters");
  if (arrays == nullptr) arrays = FirstOf<ArrayRecord>(content);
  if (arrays == nullptr) return InvalidArgument("the reply has no ArrayRecord");
  proto.mutable_status();
  WriteStatus(content.FindConfig("getparametersres.status"), *proto.mutable_status());
  return WithTensors({ClientMessage::kGetParametersResFieldNumber,
                      ClientMessage::GetParametersRes::kParametersFieldNumber},
                     proto, *arrays);
}

StatusOr<std::vector<Bytes>> WriteGetProperties(const RecordDict& content) {
  ClientMessage message;
  ClientMessage::GetPropertiesRes& proto = *message.mutable_get_properties_res();
  const ConfigRecord* properties = content.FindConfig("getpropertiesres.properties");
  if (properties == nullptr) properties = FirstOf<ConfigRecord>(content);
  proto.mutable_status();
  WriteStatus(content.FindConfig("getpropertiesres.status"), *proto.mutable_status());
  FLWRCPP_RETURN_IF_ERROR(
      WriteConfig(properties, "getpropertiesres.properties", *proto.mutable_properties()));
  return std::vector<Bytes>{Bytes(message.SerializeAsString())};
}

StatusOr<std::vector<Bytes>> WriteContent(std::string_view type, const RecordDict& content) {
  if (type == message_type::kTrain) return WriteFit(content);
  if (type == message_type::kEvaluate) return WriteEvaluate(content);
  if (type == message_type::kGetParameters) return WriteGetParameters(content);
  return WriteGetProperties(content);
}

std::vector<Bytes> WriteFailure(std::string_view type, const std::string& reason) {
  ClientMessage message;
  flwr::proto::Status* status = nullptr;
  Code code = Code::OK;
  if (type == message_type::kTrain) {
    // Servers read the parameters of any FitRes.
    message.mutable_fit_res()->mutable_parameters()->set_tensor_type("numpy.ndarray");
    status = message.mutable_fit_res()->mutable_status();
    code = Code::FIT_NOT_IMPLEMENTED;
  } else if (type == message_type::kEvaluate) {
    status = message.mutable_evaluate_res()->mutable_status();
    code = Code::EVALUATE_NOT_IMPLEMENTED;
  } else if (type == message_type::kGetParameters) {
    message.mutable_get_parameters_res()->mutable_parameters()->set_tensor_type("numpy.ndarray");
    status = message.mutable_get_parameters_res()->mutable_status();
    code = Code::GET_PARAMETERS_NOT_IMPLEMENTED;
  } else {
    status = message.mutable_get_properties_res()->mutable_status();
    code = Code::GET_PROPERTIES_NOT_IMPLEMENTED;
  }
  status->set_code(code);
  status->set_message(reason);
  return {Bytes(message.SerializeAsString())};
}

}  // namespace

StatusOr<Instruction> ReadInstruction(const std::shared_ptr<const ServerMessage>& proto,
                                      double now) {
  RecordDict content;
  switch (proto->msg_case()) {
    case ServerMessage::kReconnectIns:
      return Instruction(Reconnect{proto->reconnect_ins().seconds()});
    case ServerMessage::kGetPropertiesIns:
      content.Set(kGetPropertiesConfig, FromProto(proto->get_properties_ins().config()));
      return Task(message_type::kGetProperties, std::move(content), now);
    case ServerMessage::kGetParametersIns:
      content.Set(kGetParametersConfig, FromProto(proto->get_parameters_ins().config()));
      return Task(message_type::kGetParameters, std::move(content), now);
    case ServerMessage::kFitIns:
      content.Set(kFitParameters, MarkedTensors(proto->fit_ins().parameters(), proto));
      content.Set(kFitConfig, FromProto(proto->fit_ins().config()));
      return Task(message_type::kTrain, std::move(content), now);
    case ServerMessage::kEvaluateIns:
      content.Set(kEvaluateParameters, MarkedTensors(proto->evaluate_ins().parameters(), proto));
      content.Set(kEvaluateConfig, FromProto(proto->evaluate_ins().config()));
      return Task(message_type::kEvaluate, std::move(content), now);
    case ServerMessage::MSG_NOT_SET:
      break;
  }
  return InvalidArgument(
      "the server's message asks for nothing this node knows (ReconnectIns, GetPropertiesIns, "
      "GetParametersIns, FitIns or EvaluateIns)");
}

std::vector<Bytes> WriteReply(std::string_view message_type, const StatusOr<Message>& reply) {
  Error error;
  if (!reply.ok()) {
    error = HandlerError(reply.status());
  } else if (reply->has_error()) {
    error = reply->error();
  } else {
    StatusOr<std::vector<Bytes>> pieces = WriteContent(message_type, reply->content());
    if (pieces.ok()) return *std::move(pieces);
    error = HandlerError(pieces.status());
  }
  Log(LogLevel::kError, "The ClientApp failed on a {} message: {}", std::string(message_type),
      error.reason);
  return WriteFailure(message_type, ToUtf8(std::move(error.reason)));
}

std::vector<Bytes> WriteDisconnect(const Reconnect& reconnect) {
  ClientMessage message;
  message.mutable_disconnect_res()->set_reason(reconnect.seconds == 0 ? flwr::proto::ACK
                                                                      : flwr::proto::RECONNECT);
  return {Bytes(message.SerializeAsString())};
}

}  // namespace flwrcpp::internal::classic
