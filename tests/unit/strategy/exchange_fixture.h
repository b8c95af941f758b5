// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp {

/// FedAvg over some nodes, each of which answers what `answer_` says.
class ExchangeFixture : public ::testing::Test {
 protected:
  ExchangeFixture() {
    for (std::uint64_t id = 1; id <= 4; ++id) AddNode(id);
    fedavg_.seed = 5;
    fedavg_.fraction_train = 0.5;
    fedavg_.min_train_nodes = 1;
    fedavg_.fraction_evaluate = 0;
    options_.initial_arrays = testing::Weights({0});
    options_.num_rounds = 1;
    options_.stop = stop_.get_token();
    options_.on_reply = [this](std::string_view phase, int received, int expected) {
      progress_.push_back(fmt::format("{} {}/{}", phase, received, expected));
    };
    options_.on_round = [this](const RoundReport& report, const ArrayRecord& arrays) {
      reports_.push_back(report);
      models_.push_back(testing::WeightsOf(arrays)[0]);
      return absl::OkStatus();
    };
  }

  void AddNode(std::uint64_t id) {
    grid_.AddNode(id, [this](const Message& instruction) { return answer_(instruction); });
  }

  /// The weights that came, one more.
  static std::optional<Message> Good(const Message& instruction) {
    const float value = testing::WeightsOf(*instruction.content().FindArrays("arrays"))[0];
    return testing::Reply(instruction, testing::Weights({value + 1}),
                          {{"num-examples", std::int64_t{10}}});
  }
  static std::optional<Message> Fail(const Message& instruction, ErrorCode code) {
    return Message::ErrorReplyTo(instruction, Error{static_cast<std::int64_t>(code), "sorry"});
  }
  static std::uint64_t NodeOf(const Message& instruction) {
    return instruction.metadata().dst_node_id;
  }

  StatusOr<Result> Start() {
    return FedAvg::Create(fedavg_).value()->Start(grid_, std::move(options_));
  }

  std::vector<std::uint64_t> Asked() const {
    std::vector<std::uint64_t> ids;
    for (const Metadata& metadata : grid_.sent) ids.push_back(metadata.dst_node_id);
    return ids;
  }

  testing::FakeGrid grid_;
  testing::FakeGrid::Node answer_ = Good;
  FedAvgOptions fedavg_;
  StartOptions options_;
  std::stop_source stop_;
  std::vector<std::string> progress_;
  std::vector<RoundReport> reports_;
  std::vector<float> models_;
};

}  // namespace flwrcpp
