// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// How long the end of a round takes in strategies that need all replies at once. Arguments: number
// of replies, millions of float32 elements in each.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "flwrcpp/strategy/make_strategy.h"

namespace flwrcpp {
namespace {

/// A grid that knows two nodes, so that rounds can begin. Nothing is sent.
class TwoNodes : public Grid {
 public:
  std::uint64_t run_id() const override { return 1; }
  StatusOr<std::vector<std::uint64_t>> GetNodeIds() override {
    return std::vector<std::uint64_t>{1, 2};
  }
  void WaitForNodes(std::chrono::duration<double>) override {}
  StatusOr<std::vector<std::string>> PushMessages(std::vector<Message>) override {
    return std::vector<std::string>();
  }
  StatusOr<std::vector<Message>> PullMessages(std::span<const std::string>,
                                              std::chrono::duration<double>) override {
    return std::vector<Message>();
  }
};

ArrayRecord Model(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  ArrayRecord model;
  const auto fill = [&](std::span<std::byte> elements) {
    for (std::size_t i = 0; i < elements.size(); i += sizeof(float)) {
      const float value = static_cast<float>(random()) / 2147483648.0F;
      std::memcpy(&elements[i], &value, sizeof value);
    }
  };
  model.Set("w", Array::Build("float32", {static_cast<std::int64_t>(count)}, fill).value());
  return model;
}

void Round(benchmark::State& state, const std::string& name, const ConfigRecord& parameters) {
  const auto count = static_cast<std::size_t>(state.range(1)) * 1'000'000;
  const ArrayRecord global = Model(count, 1);
  std::vector<Message> replies;
  for (std::uint64_t node_id = 1; node_id <= static_cast<std::uint64_t>(state.range(0));
       ++node_id) {
    RecordDict content;
    content.Set("arrays", Model(count, static_cast<unsigned>(node_id) + 1));
    content.Set("metrics", MetricRecord{{"num-examples", std::int64_t{1}}});
    Metadata metadata;
    metadata.src_node_id = node_id;
    replies.emplace_back(metadata, std::move(content));
  }
  const auto strategy = MakeStrategy(name, {}, parameters).value();
  TwoNodes grid;
  for (auto _ : state) {
    if (!strategy->ConfigureTrain(1, global, {}, grid, {}).ok()) state.SkipWithError("no round");
    const std::unique_ptr<Aggregator> aggregator = strategy->AggregateTrain(1);
    for (const Message& reply : replies) aggregator->Add(reply);
    const StatusOr<AggregateResult> result = aggregator->Finish();
    if (!result.ok() || !result->arrays.has_value()) state.SkipWithError("no model");
  }
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({10, 25})->Args({50, 5})->Unit(benchmark::kMillisecond)->Iterations(1);
}

const ConfigRecord kOneMalicious = {{"num_malicious_nodes", std::int64_t{1}}};

BENCHMARK_CAPTURE(Round, FedAvg, "FedAvg", {})->Apply(Sizes);
BENCHMARK_CAPTURE(Round, FedMedian, "FedMedian", {})->Apply(Sizes);
BENCHMARK_CAPTURE(Round, FedTrimmedAvg, "FedTrimmedAvg", {})->Apply(Sizes);
BENCHMARK_CAPTURE(Round, Krum, "Krum", kOneMalicious)->Apply(Sizes);
BENCHMARK_CAPTURE(Round, Bulyan, "Bulyan", kOneMalicious)->Apply(Sizes);

}  // namespace
}  // namespace flwrcpp
