// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/classic/classic_tasks.h"

#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/classic_wire.h"

namespace flwrcpp::internal::classic {
namespace {

using flwr::proto::ClientMessage;
using flwr::proto::ServerMessage;

/// What FedAvg and NumPyClient call their records.
constexpr char kArrays[] = "arrays";
constexpr char kMetrics[] = "metrics";
constexpr char kNumExamples[] = "num-examples";
constexpr char kLoss[] = "eval_loss";

/// Longest reason that a node may give for a failure.
constexpr std::size_t kMaxReason = 4096;

/// What an instruction carries.
struct Parts {
  const ArrayRecord* arrays = nullptr;
  const ConfigRecord* config = nullptr;
  bool is_classic = false;
};

/// The only record of a kind, if there is one.
template <typename Kind>
Status FindOnly(const RecordDict& content, const char* kind, const Kind*& only) {
  for (const auto& item : content) {
    const Kind* const found = std::get_if<Kind>(&item.second);
    if (found == nullptr) continue;
    if (only != nullptr) {
      return InvalidArgument("the classic stream carries one {}, but the instruction has several",
                             kind);
    }
    only = found;
  }
  return absl::OkStatus();
}

/// @param prefix of the classic convention's records: `fitins` or `evaluateins`.
StatusOr<Parts> FindParts(const RecordDict& content, const std::string& prefix) {
  Parts parts;
  parts.arrays = content.FindArrays(prefix + ".parameters");
  if (parts.arrays != nullptr) {
    parts.config = content.FindConfig(prefix + ".config");
    parts.is_classic = true;
    return parts;
  }
  const MetricRecord* metrics = nullptr;
  FLWRCPP_RETURN_IF_ERROR(FindOnly(content, "ArrayRecord", parts.arrays));
  FLWRCPP_RETURN_IF_ERROR(FindOnly(content, "ConfigRecord", parts.config));
  FLWRCPP_RETURN_IF_ERROR(FindOnly(content, "MetricRecord", metrics));
  if (parts.arrays == nullptr) {
    return InvalidArgument("the classic stream needs an ArrayRecord, the instruction has none");
  }
  if (metrics != nullptr) {
    return InvalidArgument("the classic stream cannot carry the instruction's MetricRecord");
  }
  return parts;
}

Status WriteConfig(const ConfigRecord* config, ScalarMap& proto) {
  return config == nullptr ? absl::OkStatus() : WriteScalars(*config, "config", proto);
}

template <typename Ins>
StatusOr<std::vector<Bytes>> WriteModelTask(int field, const Parts& parts) {
  Ins proto;
  FLWRCPP_RETURN_IF_ERROR(WriteConfig(parts.config, *proto.mutable_config()));
  return WithTensors({field, Ins::kParametersFieldNumber}, proto, *parts.arrays);
}

MetricRecord CountRecord(std::int64_t count) { return MetricRecord{{"num_examples", count}}; }

ConfigRecord StatusRecord(const flwr::proto::Status& status) {
  return ConfigRecord{{"code", std::int64_t{status.code()}}, {"message", status.message()}};
}

/// Parameters as an ArrayRecord of the classic layer, which is never empty.
ArrayRecord ClassicArrays(const flwr::proto::Parameters& parameters,
                          const std::shared_ptr<const void>& owner) {
  ArrayRecord record = ReadTensors(parameters, owner);
  if (record.empty()) {
    record.Set(std::string(kEmptyMark), Array("", {}, parameters.tensor_type(), {}));
  }
  return record;
}

/// The tensors under the names of the instruction's arrays.
StatusOr<ArrayRecord> NamedArrays(const flwr::proto::Parameters& parameters,
                                  const std::shared_ptr<const void>& owner,
                                  const ArrayRecord& names) {
  if (static_cast<std::size_t>(parameters.tensors_size()) != names.size()) {
    return InvalidArgument("the node got {} arrays and answered with {}", names.size(),
                           parameters.tensors_size());
  }
  if (parameters.tensors_size() > 0 && parameters.tensor_type() != Array::kNumpyStype) {
    return InvalidArgument("the node's tensors are of type '{}', expected '{}'",
                           parameters.tensor_type(), Array::kNumpyStype);
  }
  ArrayRecord record;
  for (int i = 0; i < parameters.tensors_size(); ++i) {
    const std::string& name = names.item(static_cast<std::size_t>(i)).first;
    StatusOr<Array> array = Array::FromNpy(Bytes(owner, parameters.tensors(i)));
    if (!array.ok()) return Annotate(array.status(), fmt::format("array '{}'", name));
    record.Set(name, *std::move(array));
  }
  return record;
}

/// Adds the numbers among a node's metrics.
void AddNumbers(const ConfigRecord& metrics, MetricRecord& record) {
  for (const auto& item : metrics) {
    if (record.contains(item.first)) continue;
    std::visit(
        [&, &name = item.first](const auto& value) {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
            record.Set(name, value);
          }
        },
        item.second);
  }
}

/// @return an error for a status that tells of a failure.
Status CheckStatus(const flwr::proto::Status& status) {
  if (status.code() == flwr::proto::OK) return absl::OkStatus();
  std::string name = flwr::proto::Code_Name(status.code());
  if (name.empty()) name = std::to_string(status.code());
  return MakeError(StatusCode::kInternal, "{}: {}", name,
                   std::string(status.message()).substr(0, kMaxReason));
}

using Answer = std::shared_ptr<const ClientMessage>;

StatusOr<RecordDict> ReadFit(const RecordDict& instruction, const Answer& answer) {
  const ClientMessage::FitRes& fit = answer->fit_res();
  FLWRCPP_ASSIGN_OR_RETURN(const Parts parts, FindParts(instruction, "fitins"));
  RecordDict reply;
  if (parts.is_classic) {
    reply.Set("fitres.metrics", FromProto(fit.metrics()));
    reply.Set("fitres.num_examples", CountRecord(fit.num_examples()));
    reply.Set("fitres.parameters", ClassicArrays(fit.parameters(), answer));
    reply.Set("fitres.status", StatusRecord(fit.status()));
    return reply;
  }
  FLWRCPP_RETURN_IF_ERROR(CheckStatus(fit.status()));
  FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord arrays,
                           NamedArrays(fit.parameters(), answer, *parts.arrays));
  MetricRecord metrics{{kNumExamples, std::int64_t{fit.num_examples()}}};
  AddNumbers(FromProto(fit.metrics()), metrics);
  reply.Set(kArrays, std::move(arrays));
  reply.Set(kMetrics, std::move(metrics));
  return reply;
}

StatusOr<RecordDict> ReadEvaluate(const RecordDict& instruction, const Answer& answer) {
  const ClientMessage::EvaluateRes& evaluate = answer->evaluate_res();
  const double loss = evaluate.loss();
  FLWRCPP_ASSIGN_OR_RETURN(const Parts parts, FindParts(instruction, "evaluateins"));
  RecordDict reply;
  if (parts.is_classic) {
    reply.Set("evaluateres.loss", MetricRecord{{"loss", loss}});
    reply.Set("evaluateres.num_examples", CountRecord(evaluate.num_examples()));
    reply.Set("evaluateres.metrics", FromProto(evaluate.metrics()));
    reply.Set("evaluateres.status", StatusRecord(evaluate.status()));
    return reply;
  }
  FLWRCPP_RETURN_IF_ERROR(CheckStatus(evaluate.status()));
  MetricRecord metrics{{kLoss, loss}, {kNumExamples, std::int64_t{evaluate.num_examples()}}};
  AddNumbers(FromProto(evaluate.metrics()), metrics);
  reply.Set(kMetrics, std::move(metrics));
  return reply;
}

StatusOr<RecordDict> ReadContent(const Message& instruction, const Answer& answer) {
  const std::string& type = instruction.metadata().message_type;
  const ClientMessage::MsgCase got = answer->msg_case();
  RecordDict reply;
  if (type == message_type::kTrain && got == ClientMessage::kFitRes) {
    return ReadFit(instruction.content(), answer);
  }
  if (type == message_type::kEvaluate && got == ClientMessage::kEvaluateRes) {
    return ReadEvaluate(instruction.content(), answer);
  }
  if (type == message_type::kGetParameters && got == ClientMessage::kGetParametersRes) {
    const auto& parameters = answer->get_parameters_res();
    reply.Set("getparametersres.parameters", ClassicArrays(parameters.parameters(), answer));
    reply.Set("getparametersres.status", StatusRecord(parameters.status()));
    return reply;
  }
  if (type == message_type::kGetProperties && got == ClientMessage::kGetPropertiesRes) {
    const auto& properties = answer->get_properties_res();
    reply.Set("getpropertiesres.properties", FromProto(properties.properties()));
    reply.Set("getpropertiesres.status", StatusRecord(properties.status()));
    return reply;
  }
  return InvalidArgument("the node answered a {} instruction with field {} of ClientMessage", type,
                         static_cast<int>(got));
}

}  // namespace

StatusOr<std::vector<Bytes>> WriteTask(const Message& instruction) {
  const std::string& type = instruction.metadata().message_type;
  const RecordDict& content = instruction.content();
  if (type == message_type::kTrain) {
    FLWRCPP_ASSIGN_OR_RETURN(const Parts parts, FindParts(content, "fitins"));
    return WriteModelTask<ServerMessage::FitIns>(ServerMessage::kFitInsFieldNumber, parts);
  }
  if (type == message_type::kEvaluate) {
    FLWRCPP_ASSIGN_OR_RETURN(const Parts parts, FindParts(content, "evaluateins"));
    return WriteModelTask<ServerMessage::EvaluateIns>(ServerMessage::kEvaluateInsFieldNumber,
                                                      parts);
  }
  ServerMessage message;
  if (type == message_type::kGetParameters) {
    FLWRCPP_RETURN_IF_ERROR(WriteConfig(content.FindConfig("getparametersins.config"),
                                        *message.mutable_get_parameters_ins()->mutable_config()));
  } else if (type == message_type::kGetProperties) {
    FLWRCPP_RETURN_IF_ERROR(WriteConfig(content.FindConfig("getpropertiesins.config"),
                                        *message.mutable_get_properties_ins()->mutable_config()));
  } else {
    return InvalidArgument(
        "the classic stream knows train, evaluate, get_parameters and get_properties, but not '{}'",
        type);
  }
  return std::vector<Bytes>{Bytes(message.SerializeAsString())};
}

std::vector<Bytes> WriteGoodbye() {
  ServerMessage message;
  message.mutable_reconnect_ins()->set_seconds(0);
  return {Bytes(message.SerializeAsString())};
}

Message ReadAnswer(const Message& instruction, const Answer& answer, double now) {
  StatusOr<RecordDict> content = ReadContent(instruction, answer);
  if (content.ok()) return Message::ReplyTo(instruction, *std::move(content), now);
  if (content.status().code() == StatusCode::kInternal) {  // the node says that it failed
    return Message::ErrorReplyTo(instruction,
                                 {static_cast<std::int64_t>(ErrorCode::kClientAppRaisedException),
                                  std::string(content.status().message())},
                                 now);
  }
  return RefuseTask(instruction, content.status(), now);
}

Message RefuseTask(const Message& instruction, const Status& why, double now) {
  return Message::ErrorReplyTo(
      instruction, {static_cast<std::int64_t>(ErrorCode::kUnknown), std::string(why.message())},
      now);
}

}  // namespace flwrcpp::internal::classic
