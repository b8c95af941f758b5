// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/fake_fleet_servers.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <nlohmann/json.hpp>

#include "crypto/ec_key.h"
#include "crypto/encoding.h"
#include "crypto/node_auth.h"
#include "flwr/proto/fleet.grpc.pb.h"
#include "flwr/proto/heartbeat.pb.h"

namespace flwrcpp::testing {
namespace {

constexpr std::string_view kPrefix = "/v1/fleet/";

bool IsSigned(const internal::NodeCredentials& credentials) {
  const StatusOr<internal::EcPublicKey> key =
      internal::EcPublicKey::ParsePem(credentials.public_pem);
  return key.ok() && internal::VerifyCredentials(credentials, *key, UnixSeconds()).ok();
}

/// `pull-messages` to `PullMessages`.
std::string MethodOfPath(const std::string& path) {
  std::string method;
  bool begins_word = true;
  for (const char c : path.substr(std::min(path.size(), kPrefix.size()))) {
    if (c == '-') {
      begins_word = true;
      continue;
    }
    method += begins_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins_word = false;
  }
  return method;
}

HttpResponse HandleHttp(FakeFleet& fleet, const HttpRequest& request) {
  const auto header = [&](const char* name) {
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
  };
  HttpResponse response;
  if (header("content-type") != "application/protobuf") {
    response.status = 415;
    return response;
  }
  const internal::NodeCredentials credentials{
      internal::Base64Decode(header("flwr-public-key")).value_or(""), header("flwr-timestamp"),
      internal::Base64Decode(header("flwr-signature")).value_or("")};
  if (!IsSigned(credentials)) {
    response.status = 401;
    response.body = R"({"detail": "Invalid SuperNode authentication"})";
    return response;
  }
  const FleetAnswer answer = fleet.Handle(MethodOfPath(request.path), request.body);
  response.status = answer.http_status;
  response.body = answer.body;
  response.close_without_answer = answer.lose_answer;
  if (answer.http_status != 200) response.content_type = "application/json";
  return response;
}

grpc::StatusCode CodeOfHttpStatus(int http_status) {
  switch (http_status) {
    case 400:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case 401:
      return grpc::StatusCode::UNAUTHENTICATED;
    case 403:
      return grpc::StatusCode::PERMISSION_DENIED;
    case 412:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case 503:
      return grpc::StatusCode::UNAVAILABLE;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

/// The same error as a gRPC SuperLink spells it.
grpc::Status ToGrpc(const FleetAnswer& answer) {
  if (answer.lose_answer) return {grpc::StatusCode::UNAVAILABLE, "Socket closed"};
  if (answer.http_status == 200) return grpc::Status::OK;
  const nlohmann::json json = nlohmann::json::parse(answer.body, nullptr, false);
  std::string details = answer.body;
  if (json.is_object() && json.contains("code")) {
    details = nlohmann::json{{"code", json["code"]}, {"public_message", json["detail"]}}.dump();
  }
  return {CodeOfHttpStatus(answer.http_status), details};
}

std::string MetadataValue(const grpc::ServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

class Service final : public flwr::proto::Fleet::Service {
 public:
  explicit Service(FakeFleet& fleet) : fleet_(fleet) {}

#define FLWRCPP_FAKE_RPC(method, Request, Response)                                      \
  grpc::Status method(grpc::ServerContext* context, const flwr::proto::Request* request, \
                      flwr::proto::Response* response) override {                        \
    return Handle(#method, *context, *request, *response);                               \
  }
  FLWRCPP_FAKE_RPC(RegisterNode, RegisterNodeFleetRequest, RegisterNodeFleetResponse)
  FLWRCPP_FAKE_RPC(ActivateNode, ActivateNodeRequest, ActivateNodeResponse)
  FLWRCPP_FAKE_RPC(DeactivateNode, DeactivateNodeRequest, DeactivateNodeResponse)
  FLWRCPP_FAKE_RPC(UnregisterNode, UnregisterNodeFleetRequest, UnregisterNodeFleetResponse)
  FLWRCPP_FAKE_RPC(SendNodeHeartbeat, SendNodeHeartbeatRequest, SendNodeHeartbeatResponse)
  FLWRCPP_FAKE_RPC(PullMessages, PullMessagesRequest, PullMessagesResponse)
  FLWRCPP_FAKE_RPC(PushMessages, PushMessagesRequest, PushMessagesResponse)
  FLWRCPP_FAKE_RPC(GetRun, GetRunRequest, GetRunResponse)
  FLWRCPP_FAKE_RPC(GetFab, GetFabRequest, GetFabResponse)
  FLWRCPP_FAKE_RPC(PullObject, PullObjectRequest, PullObjectResponse)
  FLWRCPP_FAKE_RPC(PushObject, PushObjectRequest, PushObjectResponse)
  FLWRCPP_FAKE_RPC(ConfirmMessageReceived, ConfirmMessageReceivedRequest,
                   ConfirmMessageReceivedResponse)
#undef FLWRCPP_FAKE_RPC

 private:
  grpc::Status Handle(const char* method, const grpc::ServerContext& context,
                      const google::protobuf::MessageLite& request,
                      google::protobuf::MessageLite& response) {
    const internal::NodeCredentials credentials{MetadataValue(context, "flwr-public-key-bin"),
                                                MetadataValue(context, "flwr-timestamp"),
                                                MetadataValue(context, "flwr-signature-bin")};
    if (!IsSigned(credentials)) {
      return {grpc::StatusCode::UNAUTHENTICATED, "Invalid signature"};
    }
    const FleetAnswer answer = fleet_.Handle(method, request.SerializeAsString());
    const grpc::Status status = ToGrpc(answer);
    if (status.ok()) response.ParseFromString(answer.body);
    return status;
  }

  FakeFleet& fleet_;
};

}  // namespace

HttpFleetServer::HttpFleetServer(FakeFleet& fleet)
    : server_([&fleet](const HttpRequest& request) { return HandleHttp(fleet, request); }) {}

class GrpcFleetServer::Impl {
 public:
  explicit Impl(FakeFleet& fleet) : service_(fleet) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~Impl() { server_->Shutdown(std::chrono::system_clock::now()); }

  int port() const { return port_; }

 private:
  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

GrpcFleetServer::GrpcFleetServer(FakeFleet& fleet) : impl_(std::make_unique<Impl>(fleet)) {}
GrpcFleetServer::~GrpcFleetServer() = default;

std::string GrpcFleetServer::address() const {
  return "127.0.0.1:" + std::to_string(impl_->port());
}

}  // namespace flwrcpp::testing
