// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "flwrcpp/strategy/fedbuff.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp {

/// A node's work: what it was asked, without content, and the weights it was given.
struct Work {
  Message instruction;
  float weight = 0;
  std::int64_t server_round = 0;
};

/// FedBuff over nodes that answer when the test says so: each pull of the strategy first carries
/// out the next step of `script_`.
class FedBuffFixture : public ::testing::Test {
 protected:
  using Step = std::function<void()>;

  FedBuffFixture() {
    AddNode(1);
    AddNode(2);
    fedbuff_.seed = 3;
    fedbuff_.buffer_size = 1;
    fedbuff_.min_train_nodes = 1;
    fedbuff_.fraction_evaluate = 0;
    options_.initial_arrays = testing::Weights({0});
    options_.num_rounds = 1;
    options_.timeout.reset();
    options_.stop = stop_.get_token();
    options_.on_round = [this](const RoundReport& report, const ArrayRecord& arrays) {
      reports_.push_back(report);
      models_.push_back(testing::WeightsOf(arrays)[0]);
      return absl::OkStatus();
    };
    grid_.on_pull = [this] {
      if (script_.empty()) {
        ADD_FAILURE() << "the script is over, but the run is not";
        stop_.request_stop();
        return;
      }
      const Step step = std::move(script_.front());
      script_.pop_front();
      step();
    };
  }

  void AddNode(std::uint64_t id) {
    grid_.AddNode(id, [this, id](const Message& instruction) -> std::optional<Message> {
      work_[id].push_back({Message(instruction.metadata(), RecordDict()),
                           testing::WeightsOf(*instruction.content().FindArrays("arrays"))[0],
                           *instruction.content().FindConfig("config")->GetInt("server-round")});
      return std::nullopt;
    });
  }

  Work TakeWork(std::uint64_t id) {
    if (work_[id].empty()) {
      ADD_FAILURE() << "node " << id << " has nothing to do";
      stop_.request_stop();
      return {};
    }
    Work work = std::move(work_[id].front());
    work_[id].pop_front();
    return work;
  }

  /// The node has trained: its weight is by `update` larger than what it was given.
  Step Trained(std::uint64_t id, float update, std::int64_t examples = 1, double loss = 0) {
    return [=, this] {
      const Work work = TakeWork(id);
      grid_.Deliver(testing::Reply(work.instruction, testing::Weights({work.weight + update}),
                                   {{"num-examples", examples}, {"loss", loss}}));
    };
  }
  Step Failed(std::uint64_t id, ErrorCode code = ErrorCode::kClientAppRaisedException) {
    return [=, this] {
      grid_.Deliver(Message::ErrorReplyTo(TakeWork(id).instruction,
                                          Error{static_cast<std::int64_t>(code), "sorry"}));
    };
  }
  static Step Nothing() {
    return [] {};
  }

  StatusOr<Result> Start() {
    return FedBuff::Create(fedbuff_).value()->Start(grid_, std::move(options_));
  }

  testing::FakeGrid grid_;
  FedBuffOptions fedbuff_;
  StartOptions options_;
  std::stop_source stop_;
  std::deque<Step> script_;
  std::map<std::uint64_t, std::deque<Work>> work_;
  std::vector<RoundReport> reports_;
  std::vector<float> models_;
};

}  // namespace flwrcpp
