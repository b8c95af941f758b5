// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/fleet_peer.h"

#include "crypto/encoding.h"

namespace flwrcpp::internal {

using flwrcpp::testing::PostRequest;
using flwrcpp::testing::RawHttpResponse;

std::uint64_t FleetPeer::Join() {
  flwr::proto::RegisterNodeFleetRequest registration;
  registration.set_public_key(key_.public_pem());
  flwr::proto::ActivateNodeRequest activation;
  activation.set_public_key(key_.public_pem());
  activation.set_heartbeat_interval(30);
  Call("register-node", registration);
  flwr::proto::ActivateNodeResponse activated;
  activated.ParseFromString(Call("activate-node", activation).body);
  node_id_ = activated.node_id();
  return node_id_;
}

std::string FleetPeer::SignatureLines() const { return LinesOf(SignNow(key_, UnixSeconds())); }

std::string FleetPeer::LinesOf(const NodeCredentials& credentials) {
  return "flwr-public-key: " + Base64Encode(credentials.public_pem) +
         "\r\nflwr-timestamp: " + credentials.timestamp +
         "\r\nflwr-signature: " + Base64Encode(credentials.signature) + "\r\n";
}

std::string FleetPeer::Request(std::string_view name, const std::string& body) const {
  return PostRequest("/v1/fleet/" + std::string(name),
                     "Content-Type: application/protobuf\r\n" + SignatureLines(), body);
}

RawHttpResponse FleetPeer::Call(std::string_view name, const std::string& body) {
  client_.Send(Request(name, body));
  return client_.Receive().value_or(RawHttpResponse());
}

std::string FleetPeer::PullBody() const {
  flwr::proto::PullMessagesRequest request;
  request.mutable_node()->set_node_id(node_id_);
  return request.SerializeAsString();
}

std::optional<flwr::proto::PullMessagesResponse> FleetPeer::ReceivePull() {
  const std::optional<RawHttpResponse> response = client_.Receive();
  flwr::proto::PullMessagesResponse pulled;
  if (!response || response->status != 200 || !pulled.ParseFromString(response->body)) {
    return std::nullopt;
  }
  return pulled;
}

SuperLinkOptions TestOptions() {
  SuperLinkOptions options;
  options.http_port = 0;
  options.insecure = true;
  return options;
}

Message TestInstruction(std::uint64_t node_id) {
  ConfigRecord config;
  config.Set("server-round", std::int64_t{1});
  RecordDict content;
  content.Set("config", std::move(config));
  return Message::Instruction(std::make_shared<const RecordDict>(std::move(content)), node_id,
                              "train");
}

}  // namespace flwrcpp::internal
