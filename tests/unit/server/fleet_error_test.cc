// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/fleet_error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

using nlohmann::json;

TEST(FleetError, CarriesItsNumberToBothWires) {
  const Status status = FleetError(FleetErrorCode::kActivationFailed, "it is online already");

  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(FleetErrorCodeOf(status), FleetErrorCode::kActivationFailed);
  EXPECT_EQ(HttpStatusOf(status), 412);
  const json http = json::parse(HttpErrorBody(status));
  EXPECT_EQ(http["code"], 2004);
  EXPECT_EQ(http["extra"], "it is online already");
  EXPECT_TRUE(http["detail"].is_string());
  const json grpc = json::parse(GrpcErrorMessage(status));
  EXPECT_EQ(grpc["code"], 2004);
  EXPECT_EQ(grpc["public_message"], http["detail"]);
  EXPECT_EQ(grpc["public_details"], "it is online already");
}

TEST(FleetError, LeavesOutWhatItHasNothingToSayOf) {
  const Status status = FleetError(FleetErrorCode::kRunStatusNotAllowed, "");

  EXPECT_FALSE(json::parse(HttpErrorBody(status)).contains("extra"));
  EXPECT_TRUE(json::parse(GrpcErrorMessage(status))["public_details"].is_null());
}

TEST(FleetError, HasTheStatusOfFlowersCatalogue) {
  const std::pair<FleetErrorCode, int> kExpected[] = {
      {FleetErrorCode::kPublicKeyInUse, 412},
      {FleetErrorCode::kUnsupportedContentType, 415},
      {FleetErrorCode::kInvalidProtobuf, 400},
      {FleetErrorCode::kRegistrationDisabled, 412},
      {FleetErrorCode::kUnregistrationDisabled, 412},
      {FleetErrorCode::kInvalidHeartbeatInterval, 400},
      {FleetErrorCode::kActivationFailed, 412},
      {FleetErrorCode::kDeactivationFailed, 412},
      {FleetErrorCode::kUnregistrationFailed, 412},
      {FleetErrorCode::kRunStatusNotAllowed, 403},
      {FleetErrorCode::kGetRunFailed, 403},
      {FleetErrorCode::kGetFabFailed, 403}};
  for (const auto& [code, http_status] : kExpected) {
    SCOPED_TRACE(static_cast<int>(code));
    EXPECT_EQ(HttpStatusOf(FleetError(code, "")), http_status);
  }
}

TEST(FleetError, DoesNotShowPeersTheTextOfUnexpectedErrors) {
  for (const StatusCode code :
       {StatusCode::kInternal, StatusCode::kDataLoss, StatusCode::kUnavailable}) {
    const Status status = MakeError(code, "cannot open /var/lib/secret.db");

    EXPECT_EQ(HttpErrorBody(status).find("secret"), std::string::npos);
    EXPECT_EQ(GrpcErrorMessage(status).find("secret"), std::string::npos);
  }
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kUnavailable, "later")), 503);
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kDataLoss, "broken")), 500);
}

TEST(FleetError, SurvivesBytesOfPeersThatAreNoText) {
  const Status status = FleetError(FleetErrorCode::kGetFabFailed, "hash '\xff\xfe'");

  EXPECT_TRUE(json::accept(HttpErrorBody(status)));
  EXPECT_TRUE(json::accept(GrpcErrorMessage(status)));
}

}  // namespace
}  // namespace flwrcpp::internal
