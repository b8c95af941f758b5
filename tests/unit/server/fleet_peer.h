// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/ec_key.h"
#include "crypto/node_auth.h"
#include "flwr/proto/fleet.pb.h"
#include "flwrcpp/superlink.h"
#include "tests/support/raw_http_client.h"

namespace flwrcpp::internal {

/// The header line of a call.
inline constexpr char kProtobuf[] = "Content-Type: application/protobuf\r\n";

/// A node that makes its calls by hand, over one HTTP connection.
class FleetPeer {
 public:
  explicit FleetPeer(std::uint16_t port) : client_(port) {}
  FleetPeer(std::uint16_t port, const std::string& root_certificates)
      : client_(port, root_certificates) {}

  /// Registers and activates.
  /// @return the node id, 0 if that failed.
  std::uint64_t Join();

  std::uint64_t node_id() const { return node_id_; }
  const EcPrivateKey& key() const { return key_; }
  flwrcpp::testing::RawHttpClient& client() { return client_; }

  /// Makes later calls over a new connection.
  void Reconnect(std::uint16_t port) { client_ = flwrcpp::testing::RawHttpClient(port); }

  /// Header lines with a signature of now.
  std::string SignatureLines() const;
  static std::string LinesOf(const NodeCredentials& credentials);

  /// A signed request of the call `name`, e.g. `pull-messages`.
  std::string Request(std::string_view name, const std::string& body) const;
  /// Sends a call and reads its answer. Status 0: the connection ended first.
  flwrcpp::testing::RawHttpResponse Call(std::string_view name, const std::string& body);
  flwrcpp::testing::RawHttpResponse Call(std::string_view name,
                                         const google::protobuf::MessageLite& request) {
    return Call(name, request.SerializeAsString());
  }

  /// The body of a pull, of this node.
  std::string PullBody() const;
  /// Sends a pull and does not wait for its answer.
  void SendPull() { client_.Send(Request("pull-messages", PullBody())); }
  /// Reads the answer to a pull. None if it is no 200 or not what it should be.
  std::optional<flwr::proto::PullMessagesResponse> ReceivePull();

 private:
  flwrcpp::testing::RawHttpClient client_;
  EcPrivateKey key_ = EcPrivateKey::Generate();
  std::uint64_t node_id_ = 0;
};

/// Options of a SuperLink for tests: on a free port, without TLS.
SuperLinkOptions TestOptions();

/// An instruction with some content.
Message TestInstruction(std::uint64_t node_id);

}  // namespace flwrcpp::internal
