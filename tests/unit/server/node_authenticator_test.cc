// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "superlink/node_authenticator.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;

constexpr double kNow = 1'800'000'000;

class NodeAuthenticatorTest : public ::testing::Test {
 protected:
  const EcPrivateKey key_ = EcPrivateKey::Generate();
  NodeAuthenticator authenticator_{2};
};

TEST_F(NodeAuthenticatorTest, AcceptsAFreshSignature) {
  EXPECT_THAT(authenticator_.Verify(SignNow(key_, kNow), kNow), IsOk());
  EXPECT_THAT(authenticator_.Verify(SignNow(key_, kNow + 1), kNow + 1), IsOk());
}

TEST_F(NodeAuthenticatorTest, RefusesWhatIsMissing) {
  const NodeCredentials whole = SignNow(key_, kNow);
  for (std::string NodeCredentials::*field :
       {&NodeCredentials::public_pem, &NodeCredentials::timestamp, &NodeCredentials::signature}) {
    NodeCredentials credentials = whole;
    (credentials.*field).clear();

    EXPECT_THAT(authenticator_.Verify(credentials, kNow),
                StatusIs(StatusCode::kUnauthenticated, "Missing authentication metadata"));
  }
}

TEST_F(NodeAuthenticatorTest, RefusesTimestampsOutsideTheWindow) {
  const NodeCredentials credentials = SignNow(key_, kNow);

  EXPECT_THAT(authenticator_.Verify(credentials, kNow - 5),
              StatusIs(StatusCode::kUnauthenticated, "Invalid timestamp"));
  EXPECT_THAT(authenticator_.Verify(credentials, kNow - 4.5), IsOk());
  EXPECT_THAT(authenticator_.Verify(credentials, kNow + 304.5), IsOk());
  EXPECT_THAT(authenticator_.Verify(credentials, kNow + 305),
              StatusIs(StatusCode::kUnauthenticated, "Invalid timestamp"));
}

TEST_F(NodeAuthenticatorTest, RefusesASignatureOfAnotherKeyOrTime) {
  NodeCredentials credentials = SignNow(key_, kNow);
  ASSERT_THAT(authenticator_.Verify(credentials, kNow), IsOk());

  credentials.timestamp = FormatTimestamp(kNow + 1);
  EXPECT_THAT(authenticator_.Verify(credentials, kNow),
              StatusIs(StatusCode::kUnauthenticated, "Invalid signature"));

  credentials = SignNow(key_, kNow);
  credentials.public_pem = EcPrivateKey::Generate().public_pem();
  EXPECT_THAT(authenticator_.Verify(credentials, kNow),
              StatusIs(StatusCode::kUnauthenticated, "Invalid signature"));
}

TEST_F(NodeAuthenticatorTest, ARepeatedSignatureDoesNotOutliveItsTime) {
  const NodeCredentials credentials = SignNow(key_, kNow);
  ASSERT_THAT(authenticator_.Verify(credentials, kNow), IsOk());

  EXPECT_THAT(authenticator_.Verify(credentials, kNow + 100), IsOk());
  EXPECT_THAT(authenticator_.Verify(credentials, kNow + 306),
              StatusIs(StatusCode::kUnauthenticated));
}

TEST_F(NodeAuthenticatorTest, RefusesTextsThatAreNoKey) {
  NodeCredentials credentials = SignNow(key_, kNow);
  for (const std::string& text :
       {std::string("no key"), std::string(100'000, 'x'),
        std::string("-----BEGIN PUBLIC KEY-----\n"), credentials.public_pem.substr(0, 100)}) {
    credentials.public_pem = text;

    EXPECT_THAT(authenticator_.Verify(credentials, kNow), StatusIs(StatusCode::kUnauthenticated));
  }
}

TEST_F(NodeAuthenticatorTest, StillKnowsMoreKeysThanItKeeps) {
  std::vector<EcPrivateKey> keys;
  for (int i = 0; i < 5; ++i) keys.push_back(EcPrivateKey::Generate());
  for (int round = 0; round < 3; ++round) {
    for (const EcPrivateKey& key : keys) {
      EXPECT_THAT(authenticator_.Verify(SignNow(key, kNow + round), kNow + round), IsOk());
    }
  }
}

}  // namespace
}  // namespace flwrcpp::internal
