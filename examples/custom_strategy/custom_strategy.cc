// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A strategy of one's own, to copy from, with a federation in one program to try it. Three nodes
// want the model at 1, 2 and 3; from round 8 on the third one is broken and sends 1000. FedAvg
// follows it, the strategy below goes no faster than before.

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flwrcpp/client.h"
#include "flwrcpp/node.h"
#include "flwrcpp/server_app.h"
#include "flwrcpp/strategy/server_step.h"

using flwrcpp::Array;
using flwrcpp::ArrayRecord;
using flwrcpp::ConfigRecord;
using flwrcpp::FedAvgOptions;
using flwrcpp::MetricRecord;
using flwrcpp::RecordDict;
using flwrcpp::Status;
using flwrcpp::StatusOr;

// The strategy: begin

/// FedAvg that mistrusts sudden moves: in no round does an array of the model move farther than it
/// used to, as a moving average. For arrays of float32.
class SteadyStep : public flwrcpp::ServerStep {
 public:
  explicit SteadyStep(FedAvgOptions options) : ServerStep(std::move(options)) {}

  // For runs that go on from a checkpoint; who remembers nothing needs neither.
  RecordDict State() const override { return {{"lengths", lengths_}}; }
  Status RestoreState(const RecordDict& state) override {
    const MetricRecord* const lengths = state.FindMetrics("lengths");
    lengths_ = lengths == nullptr ? MetricRecord() : *lengths;
    return {};
  }

 protected:
  // The new model, of that which the nodes got and the mean of what they sent. An exception or an
  // error ends the run.
  StatusOr<ArrayRecord> Step(int /*round*/, const ArrayRecord& global, ArrayRecord mean) override {
    for (const auto& [name, array] : global) {
      std::vector<float> values = array.ToVector<float>().value();
      const std::vector<float> to = mean.Find(name)->ToVector<float>().value();
      double squares = 0;
      for (std::size_t i = 0; i < to.size(); ++i) squares += std::pow(to[i] - values[i], 2);
      if (squares == 0) continue;
      const double wanted = std::sqrt(squares);
      const double usual = lengths_.GetDouble(name).value_or(wanted);
      const double allowed = std::min(wanted, usual);
      lengths_.Set(name, (usual + allowed) / 2);
      const auto share = static_cast<float>(allowed / wanted);
      for (std::size_t i = 0; i < to.size(); ++i) values[i] += share * (to[i] - values[i]);
      mean.Set(name, Array::From(values, array.Header().value().shape).value());
    }
    return mean;
  }

 private:
  MetricRecord lengths_;  // of the steps of each array, averaged
};

// The strategy: end

namespace {

constexpr int kRounds = 10;
constexpr int kFirstBadRound = 8;

/// Goes half of the way to its target, or breaks.
class HalfWay : public flwrcpp::NumPyClient {
 public:
  HalfWay(float target, bool breaks) : target_(target), breaks_(breaks) {}

  StatusOr<flwrcpp::FitRes> Fit(const ArrayRecord& parameters,
                                const ConfigRecord& config) override {
    const bool broken = breaks_ && config.GetInt("server-round").value() >= kFirstBadRound;
    std::vector<float> model = parameters.Find("w")->ToVector<float>().value();
    for (float& value : model) value = broken ? 1000 : 0.5F * (value + target_);
    flwrcpp::FitRes result;
    result.num_examples = 1;
    result.parameters.Set("w", Array::From(model, {2}).value());
    return result;
  }

 private:
  const float target_;
  const bool breaks_;
};

/// Where the model is after a run with this strategy.
StatusOr<float> Learn(flwrcpp::Strategy& strategy) {
  flwrcpp::SuperLinkOptions options;
  options.http_port = 0;
  options.insecure = true;
  auto superlink = flwrcpp::SuperLink::Start(options);
  if (!superlink.ok()) return superlink.status();

  std::vector<std::jthread> nodes;
  for (const float target : {1.0F, 2.0F, 3.0F}) {
    nodes.emplace_back([&, target](const std::stop_token& stop) {
      flwrcpp::NodeOptions node;
      node.superlink = "127.0.0.1:" + std::to_string((*superlink)->http_port());
      node.insecure = true;
      const flwrcpp::ClientApp app = flwrcpp::MakeClientApp([target](flwrcpp::Context&) {
        return std::make_shared<HalfWay>(target, target == 3.0F);
      });
      const Status status = flwrcpp::RunNode(app, node, stop);
      if (!status.ok()) std::cerr << "node " << target << ": " << status.message() << '\n';
    });
  }
  float model = 0;
  const flwrcpp::ServerApp app([&](flwrcpp::Grid& grid, flwrcpp::Context& /*context*/) -> Status {
    flwrcpp::StartOptions start;
    start.num_rounds = kRounds;
    start.initial_arrays.Set("w", Array::From(std::vector<float>{0, 0}, {2}).value());
    const auto result = strategy.Start(grid, std::move(start));
    if (!result.ok()) return result.status();
    model = result->arrays.Find("w")->ToVector<float>().value()[0];
    return {};
  });
  const Status status = app.Run(**superlink, {}, {});
  if (!status.ok()) return status;
  return model;
}

Status Show(const std::string& name, flwrcpp::Strategy& strategy) {
  const StatusOr<float> model = Learn(strategy);
  if (model.ok()) std::cout << name << ": " << *model << std::endl;
  return model.status();
}

Status Compare() {
  FedAvgOptions options;
  options.min_train_nodes = options.min_available_nodes = 3;
  options.fraction_evaluate = 0;
  const auto fedavg = flwrcpp::FedAvg::Create(options);
  if (!fedavg.ok()) return fedavg.status();
  SteadyStep steady_step(options);
  const Status status = Show("FedAvg", **fedavg);
  return status.ok() ? Show("SteadyStep", steady_step) : status;
}

}  // namespace

int main() {
  const Status status = Compare();
  if (!status.ok()) std::cerr << "error: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
