// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thread>

#include "crypto/ec_key.h"
#include "fleet/fleet_transport.h"
#include "flwr/proto/fleet.pb.h"
#include "rpc/flower_status.h"
#include "tests/support/fake_fleet_servers.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::FakeFleet;
using ::flwrcpp::testing::FleetError;
using ::flwrcpp::testing::GrpcFleetServer;
using ::flwrcpp::testing::HttpFleetServer;
using ::flwrcpp::testing::IsOk;
using ::flwrcpp::testing::MakeTestCertificate;
using ::flwrcpp::testing::StatusIs;

TransportOptions Insecure(const std::string& address) {
  TransportOptions options;
  options.address = address;
  options.insecure = true;
  options.max_response_bytes = std::size_t{64} << 20;
  return options;
}

StatusOr<Bytes> CallWith(FleetTransport& transport, const RpcMethod& method,
                         const std::vector<Bytes>& body, std::stop_token stop = {}) {
  static const EcPrivateKey key = EcPrivateKey::Generate();
  const NodeCredentials credentials = SignNow(key, UnixSeconds());
  return transport.Call({method, body, credentials, std::size_t{64} << 20}, std::move(stop));
}

class GrpcTransportTest : public ::testing::Test {
 protected:
  FakeFleet fleet_;
  GrpcFleetServer server_{fleet_};
};

TEST_F(GrpcTransportTest, CarriesSignedCallsInPieces) {
  flwr::proto::PushObjectRequest request;
  request.set_object_id("id");
  request.set_object_content(std::string(9'000'000, 'x'));
  const std::string bytes = request.SerializeAsString();
  const auto transport = MakeGrpcTransport(Insecure(server_.address()));

  const StatusOr<Bytes> answer =
      CallWith(*transport, fleet_method::kPushObject,
               {Bytes(bytes.substr(0, 11)), Bytes(), Bytes(bytes.substr(11))});

  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(fleet_.Requests("PushObject").at(0) == bytes);
}

TEST_F(GrpcTransportTest, ReportsErrorsWithFlowersCode) {
  fleet_.Answer("GetRun", FleetError(403, 2007, "Run is not running"));
  const auto transport = MakeGrpcTransport(Insecure(server_.address()));

  const StatusOr<Bytes> answer = CallWith(*transport, fleet_method::kGetRun, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kPermissionDenied, "Run is not running"));
  EXPECT_EQ(FlowerCode(answer.status()), 2007);
}

TEST_F(GrpcTransportTest, UnavailabilityIsRetryable) {
  fleet_.Answer("GetRun", FleetError(503, 1005, "not ready"));
  const auto transport = MakeGrpcTransport(Insecure(server_.address()));

  EXPECT_TRUE(IsRetryable(CallWith(*transport, fleet_method::kGetRun, {}).status()));
  EXPECT_THAT(CallWith(*transport, fleet_method::kGetRun, {}), IsOk());
}

TEST(GrpcTransport, NobodyListeningIsRetryable) {
  std::string address;
  {
    FakeFleet fleet;
    address = GrpcFleetServer(fleet).address();
  }
  const auto transport = MakeGrpcTransport(Insecure(address));

  const StatusOr<Bytes> answer = CallWith(*transport, fleet_method::kGetRun, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, address));
  EXPECT_TRUE(IsRetryable(answer.status()));
}

TEST_F(GrpcTransportTest, ARequestedStopCancels) {
  const auto transport = MakeGrpcTransport(Insecure(server_.address()));
  std::stop_source stop;
  stop.request_stop();

  EXPECT_THAT(CallWith(*transport, fleet_method::kPullMessages, {}, stop.get_token()),
              StatusIs(StatusCode::kCancelled));
}

TEST_F(GrpcTransportTest, AServerWithoutTlsIsAPermanentFailure) {
  TransportOptions options = Insecure(server_.address());
  options.insecure = false;
  options.root_certificates = MakeTestCertificate().certificate;
  const auto transport = MakeGrpcTransport(options);

  const StatusOr<Bytes> answer = CallWith(*transport, fleet_method::kGetRun, {});

  EXPECT_THAT(answer, StatusIs(StatusCode::kUnavailable, "TLS"));
  EXPECT_FALSE(IsRetryable(answer.status()));
}

TEST_F(GrpcTransportTest, TheAutomaticTransportFindsGrpc) {
  const auto transport = MakeAutoTransport(Insecure(server_.address()));

  EXPECT_THAT(CallWith(*transport, fleet_method::kGetRun, {}), IsOk());

  EXPECT_EQ(transport->wire(), "grpc");
}

TEST(AutoTransport, FindsHttp) {
  FakeFleet fleet;
  const HttpFleetServer server(fleet);
  const auto transport = MakeAutoTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, fleet_method::kGetRun, {}), IsOk());

  EXPECT_EQ(transport->wire(), "http");
}

TEST(AutoTransport, StaysWithHttpWhenAConnectionBreaksOff) {
  FakeFleet fleet;
  const HttpFleetServer server(fleet);
  fleet.LoseAnswer("GetRun");
  const auto transport = MakeAutoTransport(Insecure(server.address()));

  EXPECT_TRUE(IsRetryable(CallWith(*transport, fleet_method::kGetRun, {}).status()));
  EXPECT_THAT(CallWith(*transport, fleet_method::kGetRun, {}), IsOk());

  EXPECT_EQ(transport->wire(), "http");
}

TEST(AutoTransport, ARefusalOverHttpIsAnAnswer) {
  FakeFleet fleet;
  const HttpFleetServer server(fleet);
  fleet.Answer("RegisterNode", FleetError(412, 2001, "Registration is closed"));
  const auto transport = MakeAutoTransport(Insecure(server.address()));

  EXPECT_THAT(CallWith(*transport, fleet_method::kRegisterNode, {}),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(transport->wire(), "http");
}

}  // namespace
}  // namespace flwrcpp::internal
