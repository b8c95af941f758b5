// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/strategy_cases.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "flwrcpp/strategy/make_strategy.h"
#include "internal/status_macros.h"
#include "records/npy.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp::testing {
namespace {

Array ReadArray(const Json& json) {
  std::string npy = internal::MakeNpyPrefix(json[0].get<std::string>(), json[2] == "F",
                                            json[1].get<std::vector<std::int64_t>>());
  return Array::FromNpy(Bytes(npy += FromHex(json[3]))).value();
}

ArrayRecord ReadArrays(const Json& json) {
  ArrayRecord arrays;
  for (const auto& [key, array] : json.items()) arrays.Set(key, ReadArray(array));
  return arrays;
}

MetricRecord ReadMetrics(const Json& json) {
  MetricRecord metrics;
  for (const auto& [key, value] : json.items()) {
    if (value.is_array()) {
      metrics.Set(key, value.get<std::vector<double>>());
    } else if (value.is_number_integer()) {
      metrics.Set(key, value.get<std::int64_t>());
    } else {
      metrics.Set(key, value.get<double>());
    }
  }
  return metrics;
}

ConfigRecord ReadConfig(const Json& json) {
  ConfigRecord config;
  for (const auto& [key, value] : json.items()) {
    if (value.is_string()) {
      config.Set(key, value.get<std::string>());
    } else if (value.is_number_integer()) {
      config.Set(key, value.get<std::int64_t>());
    } else {
      config.Set(key, value.get<double>());
    }
  }
  return config;
}

Message ReadReply(const Json& json) {
  Metadata metadata;
  metadata.src_node_id = json["node"].get<std::uint64_t>();
  if (json.contains("error")) return {metadata, Error{json["error"].get<int>(), "no data"}};
  RecordDict content;
  content.Set("arrays", ReadArrays(json["arrays"]));
  content.Set("metrics", ReadMetrics(json["metrics"]));
  return {metadata, std::move(content)};
}

RoundOutcome ReadOutcome(const Json& json) {
  RoundOutcome outcome;
  outcome.nodes = json["nodes"].get<std::vector<std::uint64_t>>();
  outcome.config = ReadConfig(json["config"]);
  if (!json["arrays"].is_null()) outcome.arrays = ReadArrays(json["arrays"]);
  if (!json["metrics"].is_null()) outcome.metrics = ReadMetrics(json["metrics"]);
  if (!json["evaluate_metrics"].is_null()) {
    outcome.evaluate_metrics = ReadMetrics(json["evaluate_metrics"]);
  }
  return outcome;
}

Json ToJson(const Array& array) {
  const NpyHeader header = array.Header().value();
  const std::string_view elements = array.Contiguous().view().substr(header.data_offset);
  return Json::array(
      {header.descr, header.shape, header.fortran_order ? "F" : "C", ToHex(elements)});
}

template <typename Value>
Json ToJson(const OrderedMap<Value>& record) {
  Json json = Json::object();
  for (const auto& [key, value] : record) {
    if constexpr (std::is_same_v<Value, Array>) {
      json[key] = ToJson(value);
    } else {
      std::visit(
          [&json, &key = key](const auto& typed) {
            if constexpr (requires { Json(typed); }) json[key] = typed;
          },
          value);
    }
  }
  return json;
}

template <typename Record>
Json ToJson(const std::optional<Record>& record) {
  return record.has_value() ? ToJson(*record) : Json();
}

/// Hands the replies of the nodes that were asked to `aggregator`.
StatusOr<AggregateResult> Aggregate(const std::vector<Message>& instructions,
                                    const std::vector<Message>& replies, bool last_first,
                                    Aggregator& aggregator) {
  std::vector<Message> arriving;
  for (const Message& reply : replies) {
    const bool asked =
        std::any_of(instructions.begin(), instructions.end(), [&](const Message& instruction) {
          return instruction.metadata().dst_node_id == reply.metadata().src_node_id;
        });
    if (asked) arriving.push_back(reply);
  }
  if (last_first) std::reverse(arriving.begin(), arriving.end());
  for (Message& reply : arriving) aggregator.Add(std::move(reply));
  return aggregator.Finish();
}

}  // namespace

std::vector<StrategyCase> ReadStrategyCases(const Json& file) {
  std::vector<StrategyCase> cases;
  for (const Json& json : file["cases"]) {
    const auto replies = json["replies"].get<std::string>();
    StrategyCase& read = cases.emplace_back();
    read.strategy = json["strategy"].get<std::string>();
    read.name = read.strategy + json["parameters"].dump() + " on " + replies;
    read.parameters = ReadConfig(json["parameters"]);
    read.initial_arrays = ReadArrays(file["replies"][replies]["initial"]);
    for (const Json& round : file["replies"][replies]["rounds"]) {
      std::vector<Message>& messages = read.replies.emplace_back();
      for (const Json& reply : round) messages.push_back(ReadReply(reply));
    }
    for (const Json& round : json["rounds"]) read.rounds.push_back(ReadOutcome(round));
  }
  return cases;
}

StatusOr<std::unique_ptr<Strategy>> MakeStrategyOf(const StrategyCase& of) {
  return MakeStrategy(of.strategy, {}, of.parameters);
}

StatusOr<std::vector<RoundOutcome>> Replay(const StrategyCase& of, Strategy& strategy,
                                           ReplayOptions options) {
  FakeGrid grid;
  for (const Message& reply : of.replies.front()) grid.AddNode(reply.metadata().src_node_id, {});
  ArrayRecord arrays = std::move(options.arrays);
  std::vector<RoundOutcome> outcomes;
  for (std::size_t i = static_cast<std::size_t>(options.first_round) - 1; i < of.replies.size();
       ++i) {
    const int round = static_cast<int>(i) + 1;
    RoundOutcome& outcome = outcomes.emplace_back();
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<Message> messages,
                             strategy.ConfigureTrain(round, arrays, {}, grid, {}));
    for (const Message& message : messages) {
      outcome.nodes.push_back(message.metadata().dst_node_id);
      outcome.config = *message.content().FindConfig("config");
    }
    std::sort(outcome.nodes.begin(), outcome.nodes.end());
    FLWRCPP_ASSIGN_OR_RETURN(AggregateResult train,
                             Aggregate(messages, of.replies[i], options.last_reply_first,
                                       *strategy.AggregateTrain(round)));
    outcome.arrays = std::move(train.arrays);
    outcome.metrics = std::move(train.metrics);
    if (outcome.arrays.has_value()) arrays = *outcome.arrays;

    FLWRCPP_ASSIGN_OR_RETURN(messages, strategy.ConfigureEvaluate(round, arrays, {}, grid, {}));
    FLWRCPP_ASSIGN_OR_RETURN(AggregateResult evaluate,
                             Aggregate(messages, of.replies[i], options.last_reply_first,
                                       *strategy.AggregateEvaluate(round)));
    outcome.evaluate_metrics = std::move(evaluate.metrics);
  }
  return outcomes;
}

Json ToJson(const RoundOutcome& outcome) {
  Json json;
  json["nodes"] = outcome.nodes;
  json["config"] = ToJson<ConfigValue>(outcome.config);
  json["arrays"] = ToJson(outcome.arrays);
  json["metrics"] = ToJson(outcome.metrics);
  json["evaluate_metrics"] = ToJson(outcome.evaluate_metrics);
  return json;
}

}  // namespace flwrcpp::testing
