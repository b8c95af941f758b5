// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/superexec_auth.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_fixture.h"
#include "tests/unit/server/signed_claim.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;

constexpr double kNow = 1'800'000'000;
constexpr char kMethod[] = "/flwr.proto.Runtime/AcquireTask";
constexpr char kSecret[] = "shared secret\n";
constexpr char kBody[] =
    "\x0a\x0e"
    "flwr-serverapp";

/// What a SuperExec signs a claim with, `seconds` after kNow.
SuperExecCredentials Sign(int seconds, const std::string& nonce,
                          const std::string& secret = kSecret, const std::string& method = kMethod,
                          const std::string& body = kBody) {
  return SignClaim(secret, method, body, 1'800'000'000 + seconds, nonce);
}

class SuperExecAuthenticatorTest : public ::testing::Test {
 protected:
  Status Verify(const SuperExecCredentials& credentials, double now = kNow) {
    return authenticator_.Verify(credentials, kMethod, kBody, now);
  }

  const std::unique_ptr<RunArchive> archive_ = MakeMemoryRunArchive();
  const SuperExecAuthenticator authenticator_{kSecret, *archive_};
};

const auto kRefused = IsApiError(ApiErrorCode::kRuntimeAuthentication);

// The example was computed with Python's hmac and hashlib.
TEST_F(SuperExecAuthenticatorTest, AgreesWithAnExampleMadeElsewhere) {
  SuperExecCredentials credentials;
  credentials.timestamp = "1800000000";
  credentials.nonce = "00112233445566778899aabbccddeeff";
  credentials.body_sha256 = "fb980f48bf60a5d0f08429e91432dabfd066d69a2db28b2efc446cec34ee9ce1";
  credentials.signature = "a2a26e674d8e378f337d67f7c9147580409cd0f7956869700a31315d51c1f565";
  EXPECT_THAT(Verify(credentials), IsOk());
}

TEST_F(SuperExecAuthenticatorTest, AcceptsASignedClaim) {
  EXPECT_THAT(Verify(Sign(0, "first")), IsOk());
  EXPECT_THAT(Verify(Sign(0, "second")), IsOk());
}

TEST_F(SuperExecAuthenticatorTest, RefusesAReplay) {
  const SuperExecCredentials credentials = Sign(0, "once");
  ASSERT_THAT(Verify(credentials), IsOk());

  EXPECT_THAT(Verify(credentials), kRefused);
  EXPECT_THAT(Verify(credentials, kNow + 304), kRefused);
  EXPECT_THAT(Verify(Sign(1, "once")), kRefused);
}

TEST_F(SuperExecAuthenticatorTest, RefusesTimestampsOutsideTheWindow) {
  EXPECT_THAT(Verify(Sign(-400, "old")), kRefused);
  EXPECT_THAT(Verify(Sign(-305, "just too old")), kRefused);
  EXPECT_THAT(Verify(Sign(-304, "old enough")), IsOk());
  EXPECT_THAT(Verify(Sign(10, "future")), kRefused);
  EXPECT_THAT(Verify(Sign(5, "just too early")), kRefused);
  EXPECT_THAT(Verify(Sign(4, "near enough")), IsOk());
}

TEST_F(SuperExecAuthenticatorTest, RefusesASignatureOfSomethingElse) {
  EXPECT_THAT(Verify(Sign(0, "a", "another secret")), kRefused);
  EXPECT_THAT(Verify(Sign(0, "b", kSecret, "/flwr.proto.Runtime/PullTaskInput")), kRefused);
  // Signed well, for another body than came.
  EXPECT_THAT(Verify(Sign(0, "c", kSecret, kMethod, "another body")), kRefused);

  SuperExecCredentials later = Sign(0, "d");
  later.timestamp = "1800000001";
  EXPECT_THAT(Verify(later), kRefused);
  SuperExecCredentials renamed = Sign(0, "e");
  renamed.nonce = "f";
  EXPECT_THAT(Verify(renamed), kRefused);
  SuperExecCredentials flipped = Sign(0, "g");
  flipped.signature.back() = flipped.signature.back() == '0' ? '1' : '0';
  EXPECT_THAT(Verify(flipped), kRefused);
}

TEST_F(SuperExecAuthenticatorTest, RefusesWhatIsMissingOrMalformed) {
  EXPECT_THAT(Verify({}), kRefused);
  for (std::string SuperExecCredentials::*field :
       {&SuperExecCredentials::timestamp, &SuperExecCredentials::nonce,
        &SuperExecCredentials::body_sha256, &SuperExecCredentials::signature}) {
    SuperExecCredentials credentials = Sign(0, "missing");
    (credentials.*field).clear();
    EXPECT_THAT(Verify(credentials), kRefused);
  }
  EXPECT_THAT(Verify(Sign(0, "")), kRefused);
  EXPECT_THAT(Verify(Sign(0, std::string(10'000, 'x'))), kRefused);
  for (const char* timestamp : {"1800000000.5", "1800000000 ", "now", "99999999999999999999"}) {
    SuperExecCredentials credentials = Sign(0, "malformed");
    credentials.timestamp = timestamp;
    EXPECT_THAT(Verify(credentials), kRefused) << timestamp;
  }
  SuperExecCredentials cut = Sign(0, "cut");
  cut.signature.pop_back();
  EXPECT_THAT(Verify(cut), kRefused);
}

// Else whoever can reach the port could make a claim that is to come fail.
TEST_F(SuperExecAuthenticatorTest, ARefusedClaimUsesNoNonce) {
  ASSERT_THAT(Verify(Sign(0, "nonce", "another secret")), kRefused);
  EXPECT_THAT(Verify(Sign(0, "nonce")), IsOk());
}

TEST_F(SuperExecAuthenticatorTest, AcceptsEverythingWithoutASecret) {
  const SuperExecAuthenticator open("", *archive_);
  const SuperExecCredentials credentials = Sign(-400, "any", "another secret");
  EXPECT_THAT(open.Verify({}, kMethod, kBody, kNow), IsOk());
  EXPECT_THAT(open.Verify(credentials, kMethod, kBody, kNow), IsOk());
  EXPECT_THAT(open.Verify(credentials, kMethod, kBody, kNow), IsOk());
}

}  // namespace
}  // namespace flwrcpp::internal
