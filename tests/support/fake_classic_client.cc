// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/fake_classic_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/slice.h>

#include "flwrcpp/array.h"

namespace flwrcpp::testing {

FakeClassicClient::FakeClassicClient(std::uint16_t port, const std::string& root_certificates) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // As separate processes: no connection is shared with another client of the test.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = root_certificates;
  channel_ = grpc::CreateCustomChannel(
      "127.0.0.1:" + std::to_string(port),
      root_certificates.empty() ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(ssl),
      arguments);
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  const grpc::internal::RpcMethod method("/flwr.proto.FlowerService/Join",
                                         grpc::internal::RpcMethod::BIDI_STREAMING);
  stream_.reset(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel_.get(), method, &context_));
  stream_->WaitForInitialMetadata();
}

FakeClassicClient::~FakeClassicClient() {
  Cancel();
  static_cast<void>(Result());
}

std::optional<flwr::proto::ServerMessage> FakeClassicClient::Receive() {
  grpc::ByteBuffer buffer;
  flwr::proto::ServerMessage message;
  if (!stream_->Read(&buffer) ||
      !grpc::SerializationTraits<flwr::proto::ServerMessage>::Deserialize(&buffer, &message).ok()) {
    return std::nullopt;
  }
  return message;
}

bool FakeClassicClient::Send(const flwr::proto::ClientMessage& message) {
  return SendBytes(message.SerializeAsString());
}

bool FakeClassicClient::SendBytes(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return stream_->Write(grpc::ByteBuffer(&slice, 1));
}

Status FakeClassicClient::Result() {
  if (finished_) return {};
  while (Receive()) {
  }
  finished_ = true;
  const grpc::Status status = stream_->Finish();
  return {static_cast<StatusCode>(status.error_code()), status.error_message()};
}

flwr::proto::ClientMessage FitAnswer(const std::vector<std::vector<float>>& tensors,
                                     std::int64_t num_examples) {
  flwr::proto::ClientMessage message;
  auto& fit = *message.mutable_fit_res();
  fit.mutable_status()->set_message("Success");
  fit.mutable_parameters()->set_tensor_type("numpy.ndarray");
  for (const std::vector<float>& values : tensors) {
    const Array array = Array::From(values, {static_cast<std::int64_t>(values.size())}).value();
    fit.mutable_parameters()->add_tensors(std::string(array.Contiguous().view()));
  }
  fit.set_num_examples(num_examples);
  return message;
}

}  // namespace flwrcpp::testing
