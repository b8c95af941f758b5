// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/api_error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

using nlohmann::json;

TEST(ApiError, CarriesItsNumberToBothWires) {
  const Status status = ApiError(ApiErrorCode::kActivationFailed, "it is online already");

  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(ApiErrorCodeOf(status), ApiErrorCode::kActivationFailed);
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

TEST(ApiError, LeavesOutWhatItHasNothingToSayOf) {
  const Status status = ApiError(ApiErrorCode::kRunStatusNotAllowed, "");

  EXPECT_FALSE(json::parse(HttpErrorBody(status)).contains("extra"));
  EXPECT_TRUE(json::parse(GrpcErrorMessage(status))["public_details"].is_null());
}

TEST(ApiError, HasTheStatusOfFlowersCatalogue) {
  const std::pair<ApiErrorCode, int> kExpected[] = {
      {ApiErrorCode::kPublicKeyInUse, 412},         {ApiErrorCode::kUnsupportedContentType, 415},
      {ApiErrorCode::kInvalidProtobuf, 400},        {ApiErrorCode::kRegistrationDisabled, 412},
      {ApiErrorCode::kUnregistrationDisabled, 412}, {ApiErrorCode::kInvalidHeartbeatInterval, 400},
      {ApiErrorCode::kActivationFailed, 412},       {ApiErrorCode::kDeactivationFailed, 412},
      {ApiErrorCode::kUnregistrationFailed, 412},   {ApiErrorCode::kRunStatusNotAllowed, 403},
      {ApiErrorCode::kGetRunFailed, 403},           {ApiErrorCode::kGetFabFailed, 403}};
  for (const auto& [code, http_status] : kExpected) {
    SCOPED_TRACE(static_cast<int>(code));
    EXPECT_EQ(HttpStatusOf(ApiError(code, "")), http_status);
  }
}

TEST(ApiError, DoesNotShowPeersTheTextOfUnexpectedErrors) {
  for (const StatusCode code :
       {StatusCode::kInternal, StatusCode::kDataLoss, StatusCode::kUnavailable}) {
    const Status status = MakeError(code, "cannot open /var/lib/secret.db");

    EXPECT_EQ(HttpErrorBody(status).find("secret"), std::string::npos);
    EXPECT_EQ(GrpcErrorMessage(status).find("secret"), std::string::npos);
  }
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kUnavailable, "later")), 503);
  EXPECT_EQ(HttpStatusOf(MakeError(StatusCode::kDataLoss, "broken")), 500);
}

TEST(ApiError, SurvivesBytesOfPeersThatAreNoText) {
  const Status status = ApiError(ApiErrorCode::kGetFabFailed, "hash '\xff\xfe'");

  EXPECT_TRUE(json::accept(HttpErrorBody(status)));
  EXPECT_TRUE(json::accept(GrpcErrorMessage(status)));
}

}  // namespace
}  // namespace flwrcpp::internal
