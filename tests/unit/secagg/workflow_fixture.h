// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "flwrcpp/workflow/secagg.h"
#include "tests/unit/secagg/federation.h"

namespace flwrcpp::testing {

/// Of a round, in their order.
inline const std::vector<std::string> kStages = {
    internal::secagg::kSetup, internal::secagg::kShareKeys, internal::secagg::kCollectMaskedVectors,
    internal::secagg::kUnmask};

inline std::unique_ptr<Strategy> TrainOnly() {
  FedAvgOptions options;
  options.fraction_evaluate = 0;
  return FedAvg::Create(options).value();
}

inline SecAggPlusOptions Threshold(std::variant<int, double> threshold) {
  SecAggPlusOptions options;
  options.reconstruction_threshold = threshold;
  return options;
}

/// Nodes of the real mod behind a Grid that is none, and what became of a round with them.
class SecAggFederation {
 public:
  struct Member {
    std::shared_ptr<FixedClient> client;
    std::shared_ptr<TestNode> node;
    std::vector<float> values;
    std::int64_t examples = 0;
    std::string fails_in;   ///< Stage in which it answers by an error, from then on.
    std::string silent_in;  ///< Stage from which on it does not answer.
  };

  SecAggFederation(std::size_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<float> value(-2, 2);
    for (std::size_t i = 0; i < count; ++i) {
      Member member;
      for (int k = 0; k < 5; ++k) member.values.push_back(value(random));
      member.examples = std::uniform_int_distribution<std::int64_t>(1, 900)(random);
      member.client = std::make_shared<FixedClient>(TwoArrays(member.values), member.examples);
      const std::uint64_t id = random() | 2;  // half of them above 2^63
      member.node = std::make_shared<TestNode>(id, member.client);
      members[id] = std::move(member);
      grid.AddNode(id, [this, id](const Message& instruction) { return Answer(id, instruction); });
    }
  }

  /// Runs the train phase of one round of FedAvg in the workflow.
  StatusOr<AggregateResult> Train(SecAggPlusOptions options) {
    const auto workflow = SecAggPlusWorkflow::Create(TrainOnly(), options);
    if (!workflow.ok()) return workflow.status();
    AggregateResult train;
    StartOptions start;
    start.initial_arrays = TwoArrays({0, 0, 0, 0, 0});
    start.num_rounds = 1;
    start.timeout = timeout;
    start.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) {
      train = *report.train;
      sampled = report.sampled_train;
      global = arrays;
      return absl::OkStatus();
    };
    const auto result = (*workflow)->Start(grid, std::move(start));
    if (!result.ok()) return result.status();
    return train;
  }

  /// The mean of those that sent their model, weighted by examples.
  std::vector<double> PlainMean() const {
    std::vector<double> mean(5, 0);
    double total = 0;
    for (const auto& [id, member] : members) {
      const std::set<std::string> last = {member.fails_in, member.silent_in};
      if (last.contains(internal::secagg::kSetup) || last.contains(internal::secagg::kShareKeys) ||
          last.contains(internal::secagg::kCollectMaskedVectors)) {
        continue;
      }
      total += static_cast<double>(member.examples);
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean[k] += static_cast<double>(member.examples) * static_cast<double>(member.values[k]);
      }
    }
    for (double& value : mean) value /= total;
    return mean;
  }

  /// How far off the mean may be: a step of the quantization for each node, and half of one that
  /// float32 cannot tell, over their weights.
  double Tolerance(const SecAggPlusOptions& options) const {
    double examples = 0;
    for (const auto& [id, member] : members) {
      if (member.fails_in.empty() && member.silent_in.empty()) {
        examples += static_cast<double>(member.examples);
      }
    }
    const double step =
        2 * options.clipping_range / static_cast<double>(options.quantization_range);
    return 1.5 * static_cast<double>(members.size()) * step * options.max_weight / examples + 1e-6;
  }

  void ExpectPlainMean(const SecAggPlusOptions& options) const {
    const std::vector<double> mean = PlainMean();
    const auto w = global.Find("w")->ToVector<float>().value();
    const auto half = global.Find("half")->ToVector<double>().value();
    for (std::size_t k = 0; k < mean.size(); ++k) {
      EXPECT_NEAR(w[k], mean[k], Tolerance(options));
      EXPECT_NEAR(half[k], mean[k] / 2, Tolerance(options));
    }
  }

  FakeGrid grid;
  std::map<std::uint64_t, Member> members;
  std::optional<std::chrono::duration<double>> timeout;
  ArrayRecord global;
  int sampled = 0;
  /// Changes what a node answers, if set.
  std::function<void(std::uint64_t id, const std::string& stage, Message& reply)> tamper;

 private:
  std::optional<Message> Answer(std::uint64_t id, const Message& instruction) {
    Member& member = members[id];
    const std::string stage = StageOf(instruction);
    if (stage == member.silent_in) return std::nullopt;
    if (stage == member.fails_in) return Message::ErrorReplyTo(instruction, {2, "out of power"});
    Message reply = member.node->Answer(instruction);
    if (tamper) tamper(id, stage, reply);
    return reply;
  }
};

}  // namespace flwrcpp::testing
