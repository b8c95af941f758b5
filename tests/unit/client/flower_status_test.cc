// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "rpc/flower_status.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::flwrcpp::testing::StatusIs;

TEST(FleetStatus, HttpErrorsKeepFlowersCodeAndText) {
  const Status status =
      StatusFromHttp(412, R"({"code": 2004, "detail": "Failed to activate", "extra": "node 7"})");

  EXPECT_THAT(status,
              StatusIs(StatusCode::kFailedPrecondition, "code 2004: Failed to activate (node 7)"));
  EXPECT_EQ(FlowerCode(status), 2004);
  EXPECT_FALSE(IsRetryable(status));
}

TEST(FleetStatus, GrpcErrorsKeepFlowersCodeAndText) {
  const Status status = StatusFromGrpc(
      9, R"({"code": 23, "public_message": "Key in use", "public_details": "again"})");

  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "code 23: Key in use (again)"));
  EXPECT_EQ(FlowerCode(status), 23);
}

TEST(FleetStatus, HttpStatusesBecomeTheCodesOfTheSameMeaning) {
  const std::pair<long, StatusCode> meanings[] = {
      {400, StatusCode::kInvalidArgument},   {401, StatusCode::kUnauthenticated},
      {403, StatusCode::kPermissionDenied},  {404, StatusCode::kUnimplemented},
      {405, StatusCode::kUnimplemented},     {412, StatusCode::kFailedPrecondition},
      {413, StatusCode::kResourceExhausted}, {415, StatusCode::kInvalidArgument},
      {500, StatusCode::kInternal},          {501, StatusCode::kUnimplemented},
      {502, StatusCode::kUnavailable},       {503, StatusCode::kUnavailable},
      {504, StatusCode::kUnavailable},       {418, StatusCode::kUnknown}};
  for (const auto& [http_status, code] : meanings) {
    EXPECT_THAT(StatusFromHttp(http_status, ""), StatusIs(code)) << http_status;
    EXPECT_EQ(IsRetryable(StatusFromHttp(http_status, "")), code == StatusCode::kUnavailable);
  }
}

TEST(FleetStatus, BodiesThatAreNoCatalogueErrorsAreQuoted) {
  for (const char* body : {"Internal Server Error", "[1, 2]", "{\"detail\": 5}", "{", "\"text\""}) {
    const Status status = StatusFromHttp(500, body);

    EXPECT_THAT(status, StatusIs(StatusCode::kInternal)) << body;
    EXPECT_FALSE(FlowerCode(status).has_value()) << body;
  }
  EXPECT_THAT(StatusFromHttp(500, "Internal Server Error"),
              StatusIs(StatusCode::kInternal, "Internal Server Error"));
}

TEST(FleetStatus, LongAndDirtyTextsAreCutAndCleaned) {
  const Status status = StatusFromHttp(500, "line\nline\x1b[31m" + std::string(100'000, 'x'));

  EXPECT_LT(status.message().size(), 1000U);
  EXPECT_EQ(std::string(status.message()).find_first_of("\n\x1b"), std::string::npos);
}

TEST(FleetStatus, OverGrpcADeadlineIsTemporary) {
  EXPECT_TRUE(IsRetryable(StatusFromGrpc(4, "Deadline Exceeded")));
  EXPECT_TRUE(IsRetryable(StatusFromGrpc(1, "Cancelled")));
  EXPECT_FALSE(IsRetryable(StatusFromGrpc(2, "Error in service handler!")));
}

TEST(FleetStatus, PermanentFailuresAreUnavailableButNotRetryable) {
  const Status status = PermanentFailure("certificate");

  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, "certificate"));
  EXPECT_FALSE(IsRetryable(status));
  EXPECT_TRUE(IsRetryable(NoHttpAnswer("silence")));
}

}  // namespace
}  // namespace flwrcpp::internal
