// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/raw_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/server/fleet_peer.h"

namespace flwrcpp::internal {

/// A SuperLink, and peers that send it bytes.
class FleetHttpFixture : public ::testing::Test {
 protected:
  void SetUp() override { Restart(TestOptions()); }

  void Restart(SuperLinkOptions options) {
    superlink_.reset();
    options.pull_wait = pull_wait_;
    StatusOr<std::unique_ptr<SuperLink>> started = SuperLink::Start(std::move(options));
    ASSERT_THAT(started, flwrcpp::testing::IsOk());
    superlink_ = *std::move(started);
  }

  std::uint16_t port() const { return superlink_->http_port(); }

  /// Sends bytes over a new connection and reads one response; status 0 if there is none.
  flwrcpp::testing::RawHttpResponse Exchange(const std::string& bytes, bool head = false) {
    flwrcpp::testing::RawHttpClient client(port());
    client.Send(bytes);
    return client.Receive(head).value_or(flwrcpp::testing::RawHttpResponse());
  }

  const std::chrono::seconds pull_wait_{0};
  std::unique_ptr<SuperLink> superlink_;
};

}  // namespace flwrcpp::internal
