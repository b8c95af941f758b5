// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <string>

#include "crypto/encoding.h"
#include "fleet/fleet_transport.h"
#include "rpc/http_channel.h"

namespace flwrcpp::internal {
namespace {

class HttpTransport final : public FleetTransport {
 public:
  explicit HttpTransport(const TransportOptions& options) : channel_(options, "SuperNode") {}

  StatusOr<Bytes> Call(const FleetCall& call, std::stop_token stop) override {
    const NodeCredentials& credentials = call.credentials;
    const std::string public_key = Base64Encode(credentials.public_pem);
    const std::string signature = Base64Encode(credentials.signature);
    const std::array headers = {
        HttpHeader{node_auth::kPublicKeyHeader, public_key},
        HttpHeader{node_auth::kTimestampHeader, credentials.timestamp},
        HttpHeader{node_auth::kSignatureHeader, signature},
    };
    return channel_.Post({call.method, call.body, headers, call.max_response_bytes},
                         std::move(stop));
  }

  std::string_view wire() const override { return "http"; }

 private:
  HttpChannel channel_;
};

}  // namespace

std::unique_ptr<FleetTransport> MakeHttpTransport(const TransportOptions& options) {
  return std::make_unique<HttpTransport>(options);
}

}  // namespace flwrcpp::internal
