// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Messages of the classic stream, as a node and as a SuperLink reads them. The first byte chooses.
// What one side has read, the other side writes: it must be what was read.

#include <google/protobuf/stubs/logging.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "client/classic/classic_messages.h"
#include "flwr/proto/transport.pb.h"
#include "superlink/classic/classic_tasks.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {
namespace {

using flwr::proto::ClientMessage;
using flwr::proto::Parameters;
using flwr::proto::ServerMessage;
namespace classic = internal::classic;

/// protobuf prints what it refuses.
const google::protobuf::LogSilencer kSilence;

constexpr double kNow = 1e9;

enum Subject : std::uint8_t { kServerMessage, kClientMessage, kSubjects };

template <typename Proto>
std::shared_ptr<Proto> Parse(std::string_view text) {
  auto proto = std::make_shared<Proto>();
  if (!proto->ParseFromArray(text.data(), static_cast<int>(text.size()))) return nullptr;
  return proto;
}

template <typename Proto>
std::shared_ptr<Proto> Parse(const std::vector<Bytes>& pieces) {
  std::string text;
  for (const Bytes& piece : pieces) text += piece.view();
  return Parse<Proto>(text);
}

bool SameTensors(const Parameters& one, const Parameters& other) {
  bool same = one.tensors_size() == other.tensors_size();
  for (int i = 0; same && i < one.tensors_size(); ++i) same = one.tensors(i) == other.tensors(i);
  // None is written as NumPy's.
  return same && (one.tensor_type().empty() || one.tensor_type() == other.tensor_type());
}

void CheckServerMessage(std::string_view text) {
  const auto proto = Parse<ServerMessage>(text);
  if (proto == nullptr) return;
  const auto instruction = classic::ReadInstruction(proto, kNow);
  Require(instruction.ok() == (proto->msg_case() != ServerMessage::MSG_NOT_SET),
          "every kind of ServerMessage is understood");
  if (!instruction.ok() || !std::holds_alternative<Message>(*instruction)) return;
  const auto task = classic::WriteTask(std::get<Message>(*instruction));
  Require(task.ok(), "an instruction that was read can be written");
  const auto again = Parse<ServerMessage>(*task);
  Require(again != nullptr && again->msg_case() == proto->msg_case(),
          "protobuf reads the instruction that is written");
  Require(SameTensors(proto->fit_ins().parameters(), again->fit_ins().parameters()) &&
              SameTensors(proto->evaluate_ins().parameters(), again->evaluate_ins().parameters()),
          "an instruction written again has the same tensors");
}

/// An instruction in the convention of message-based ServerApps, or of classic ones.
Message Ask(std::string_view type, bool is_classic) {
  RecordDict content;
  const std::string name = !is_classic                    ? "arrays"
                           : type == message_type::kTrain ? "fitins.parameters"
                                                          : "evaluateins.parameters";
  content.Set(name, ArrayRecord{{"w", Array()}});
  Metadata metadata;
  metadata.message_type = type;
  metadata.ttl = 60;
  metadata.created_at = kNow;
  return {metadata, std::move(content)};
}

void CheckClientMessage(std::string_view text) {
  const auto proto = Parse<ClientMessage>(text);
  if (proto == nullptr) return;
  for (const std::string_view type : {message_type::kTrain, message_type::kEvaluate,
                                      message_type::kGetParameters, message_type::kGetProperties}) {
    static_cast<void>(classic::ReadAnswer(Ask(type, false), proto, kNow));
    const Message reply = classic::ReadAnswer(Ask(type, true), proto, kNow);
    if (reply.has_error()) continue;
    const auto again = Parse<ClientMessage>(classic::WriteReply(type, reply));
    Require(again != nullptr && again->msg_case() == proto->msg_case(),
            "protobuf reads the answer that is written");
    Require(SameTensors(proto->fit_res().parameters(), again->fit_res().parameters()) &&
                SameTensors(proto->get_parameters_res().parameters(),
                            again->get_parameters_res().parameters()),
            "an answer written again has the same tensors");
    Require(proto->fit_res().num_examples() == again->fit_res().num_examples() &&
                proto->evaluate_res().num_examples() == again->evaluate_res().num_examples(),
            "an answer written again has the same weight");
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](Subject subject, const google::protobuf::MessageLite& message) {
    seeds.push_back(static_cast<char>(subject) + message.SerializeAsString());
  };
  const Bytes npy = Array::From(std::vector<float>{1, 2}, {2}).value().Contiguous();
  Parameters parameters;
  parameters.add_tensors(std::string(npy.view()));
  parameters.set_tensor_type("numpy.ndarray");

  ServerMessage server;
  *server.mutable_fit_ins()->mutable_parameters() = parameters;
  (*server.mutable_fit_ins()->mutable_config())["lr"].set_double_(0.5);
  (*server.mutable_fit_ins()->mutable_config())["on"].set_bool_(true);
  add(kServerMessage, server);
  *server.mutable_evaluate_ins()->mutable_parameters() = parameters;
  (*server.mutable_evaluate_ins()->mutable_config())["n"].set_uint64(~std::uint64_t{0});
  add(kServerMessage, server);
  (*server.mutable_get_properties_ins()->mutable_config())["b"].set_bytes("\xff");
  add(kServerMessage, server);
  (*server.mutable_get_parameters_ins()->mutable_config())["s"].set_string("text");
  add(kServerMessage, server);
  server.mutable_reconnect_ins()->set_seconds(5);
  add(kServerMessage, server);

  ClientMessage client;
  *client.mutable_fit_res()->mutable_parameters() = parameters;
  client.mutable_fit_res()->mutable_status()->set_message("Success");
  client.mutable_fit_res()->set_num_examples(7);
  (*client.mutable_fit_res()->mutable_metrics())["loss"].set_double_(0.25);
  add(kClientMessage, client);
  client.mutable_evaluate_res()->set_loss(0.5);
  client.mutable_evaluate_res()->mutable_status()->set_code(flwr::proto::EVALUATE_NOT_IMPLEMENTED);
  add(kClientMessage, client);
  *client.mutable_get_parameters_res()->mutable_parameters() = parameters;
  add(kClientMessage, client);
  (*client.mutable_get_properties_res()->mutable_properties())["n"].set_sint64(-1);
  add(kClientMessage, client);
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp::fuzz;
  InputReader reader(AsText(data, size));
  const auto subject = static_cast<Subject>(reader.Byte() % kSubjects);
  if (subject == kServerMessage) {
    CheckServerMessage(reader.Rest());
  } else {
    CheckClientMessage(reader.Rest());
  }
  return 0;
}
