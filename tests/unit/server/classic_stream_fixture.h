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
#include <vector>

#include "flwrcpp/superlink.h"
#include "tests/support/fake_classic_client.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {

inline constexpr std::chrono::seconds kPatience{20};

inline Array Floats(const std::vector<float>& values) {
  return *Array::From(values, {static_cast<std::int64_t>(values.size())});
}

inline std::shared_ptr<RecordDict> Model(const ArrayRecord& arrays) {
  auto content = std::make_shared<RecordDict>();
  content->Set("arrays", arrays);
  content->Set("config", ConfigRecord{{"server-round", std::int64_t{3}}, {"lr", 0.5}});
  return content;
}

/// A SuperLink that classic nodes can join.
class ClassicStreamFixture : public ::testing::Test {
 protected:
  ClassicStreamFixture() {
    options_.insecure = true;
    options_.http_port = 0;
    options_.classic_port = 0;
  }

  void SetUp() override { Start(); }

  void Start() {
    grid_.reset();
    superlink_.reset();
    auto started = SuperLink::Start(options_);
    ASSERT_THAT(started, testing::IsOk());
    superlink_ = *std::move(started);
    grid_ = superlink_->StartRun({}).value();
  }

  std::unique_ptr<testing::FakeClassicClient> Join(const std::string& root_certificates = "") {
    return std::make_unique<testing::FakeClassicClient>(superlink_->classic_port(),
                                                        root_certificates);
  }
  /// Waits for `count` nodes to be online.
  std::vector<std::uint64_t> Nodes(std::size_t count) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      std::vector<std::uint64_t> ids = grid_->GetNodeIds().value();
      if (ids.size() == count || std::chrono::steady_clock::now() > until) return ids;
      grid_->WaitForNodes(kPatience);
    }
  }
  std::string Push(std::uint64_t node_id, std::shared_ptr<const RecordDict> content,
                   const std::string& type = "train") {
    std::vector<Message> messages{Message::Instruction(std::move(content), node_id, type)};
    return grid_->PushMessages(std::move(messages)).value().at(0);
  }
  Message Reply(const std::string& id) {
    std::vector<Message> replies = grid_->PullMessages({&id, 1}, kPatience).value();
    return replies.empty() ? Message() : std::move(replies.front());
  }

  SuperLinkOptions options_;
  std::unique_ptr<SuperLink> superlink_;
  std::shared_ptr<Grid> grid_;
};

}  // namespace flwrcpp
