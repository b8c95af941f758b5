// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/client.h"
#include "flwrcpp/client_app.h"
#include "flwrcpp/mod/secagg.h"
#include "secagg/records.h"
#include "tests/support/fake_grid.h"

namespace flwrcpp::testing {

/// A client that always comes to the same model.
class FixedClient : public NumPyClient {
 public:
  FixedClient(ArrayRecord arrays, std::int64_t num_examples)
      : arrays_(std::move(arrays)), num_examples_(num_examples) {}

  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config) override {
    received = parameters;
    received_config = config;
    FitRes result;
    result.parameters = arrays_;
    result.num_examples = num_examples_;
    result.metrics.Set("loss", 0.25);
    return result;
  }

  ArrayRecord received;
  ConfigRecord received_config;

 private:
  ArrayRecord arrays_;
  std::int64_t num_examples_;
};

/// A node as it works with a ClientApp: state lasts from message to message unless one fails.
class TestNode {
 public:
  TestNode(std::uint64_t node_id, std::shared_ptr<NumPyClient> client)
      : app_(MakeClientApp([client](Context&) { return client; })) {
    app_.Use(SecAggPlusMod());
    context.node_id = node_id;
  }

  Message Answer(const Message& instruction) {
    Context trial = context;
    const StatusOr<Message> reply = app_.Handle(instruction, trial);
    if (!reply.ok()) {
      return Message::ErrorReplyTo(instruction, {2, std::string(reply.status().message())});
    }
    context = trial;
    return *reply;
  }

  Context context;

 private:
  ClientApp app_;
};

inline std::string StageOf(const Message& instruction) {
  const ConfigRecord* const configs = instruction.content().FindConfig(internal::secagg::kConfigs);
  return configs == nullptr ? "" : configs->GetString(internal::secagg::kStage).value_or("");
}

/// Two arrays of `values` and of half of them.
inline ArrayRecord TwoArrays(const std::vector<float>& values) {
  ArrayRecord arrays;
  std::vector<double> halves;
  for (const float value : values) halves.push_back(value / 2.0);
  const std::int64_t size = static_cast<std::int64_t>(values.size());
  arrays.Set("w", Array::From(values, {size}).value());
  arrays.Set("half", Array::From(halves, {1, size}).value());
  return arrays;
}

}  // namespace flwrcpp::testing
