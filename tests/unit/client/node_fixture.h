// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <future>
#include <iterator>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "client/run_node.h"
#include "flwrcpp/node.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_fleet_servers.h"

namespace flwrcpp {

/// The golden P-384 key.
inline std::string ReadKey() {
  std::ifstream file(std::string(FLWRCPP_GOLDEN_DIR) + "/keys/p384.openssh");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// An array that begins with `value`, and a config.
inline RecordDict Model(float value) {
  RecordDict content;
  content.Set("arrays", ArrayRecord{{"w", *Array::From(std::vector<float>{value, 2}, {2})}});
  content.Set("config", ConfigRecord{{"server-round", std::int64_t{1}}});
  return content;
}

/// Answers with what it got.
inline StatusOr<Message> Echo(const Message& message, Context& /*context*/) {
  return Message(Metadata(), message.shared_content());
}

/// A node against a fake SuperLink that speaks the real wire, in time that runs fast.
class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    options_.superlink = http_.address();
    options_.insecure = true;
    options_.on_connected = [this](std::uint64_t node_id, std::string_view wire) {
      connected_ = std::to_string(node_id) + " " + std::string(wire);
    };
    app_.Train(Echo);
  }
  ~NodeTest() override { static_cast<void>(Stop()); }

  void Start() {
    stop_ = {};
    result_ = std::async(std::launch::async, [this] {
      return internal::RunNode(app_, options_, clock_, stop_.get_token());
    });
  }
  /// Ends the node, if it runs, and returns how it ended.
  Status Stop() {
    if (!result_.valid()) return {};
    stop_.request_stop();
    return result_.get();
  }
  /// Waits until the node ends by itself.
  Status Result() {
    if (result_.wait_for(testing::FakeFleet::kPatience) != std::future_status::ready) {
      return {StatusCode::kDeadlineExceeded, "the node did not end"};
    }
    return result_.get();
  }

  testing::FakeFleet fleet_;
  testing::HttpFleetServer http_{fleet_};
  testing::FastClock clock_;
  NodeOptions options_;
  ClientApp app_;
  std::stop_source stop_;
  std::future<Status> result_;
  std::string connected_;
};

}  // namespace flwrcpp
