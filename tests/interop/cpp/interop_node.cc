// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// A node for the interop tests: training without learning, exact and quick, and able to fail on
// request. It does the arithmetic of stock_app/cnnapp/drift.py and obeys the same words in the
// instruction's config; `fault=sleep` in its own --node-config makes it sleep until it is stopped.
// With --secagg it takes part in secure aggregation, from which `drop-out-stage=N` makes it drop
// out with an error in stage N, from 0 on.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <random>
#include <span>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "flwrcpp/client.h"
#include "flwrcpp/log.h"
#include "flwrcpp/mod/differential_privacy.h"
#include "flwrcpp/mod/secagg.h"
#include "flwrcpp/node.h"
#include "program/files.h"
#include "program/program.h"

namespace {

using flwrcpp::Array;
using flwrcpp::ArrayRecord;
using flwrcpp::ConfigRecord;
using flwrcpp::Context;
using flwrcpp::EvaluateRes;
using flwrcpp::FitRes;
using flwrcpp::Status;
using flwrcpp::StatusCode;
using flwrcpp::StatusOr;
using flwrcpp::program::Say;

struct NamedShape {
  const char* name;
  std::vector<std::int64_t> shape;
};

/// The arrays of the CNN that stock_app trains.
const std::vector<NamedShape>& ModelShapes() {
  static const std::vector<NamedShape> shapes = {
      {"conv1.weight", {6, 1, 5, 5}},  {"conv1.bias", {6}},
      {"conv2.weight", {16, 6, 5, 5}}, {"conv2.bias", {16}},
      {"fc1.weight", {120, 256}},      {"fc1.bias", {120}},
      {"fc2.weight", {84, 120}},       {"fc2.bias", {84}},
      {"fc3.weight", {10, 84}},        {"fc3.bias", {10}}};
  return shapes;
}

void SleepUnlessStopped(double seconds, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wakeup;
  std::unique_lock lock(mutex);
  wakeup.wait_for(lock, stop, std::chrono::duration<double>(seconds), [] { return false; });
}

/// Sends half of what it gets plus a number that tells partition and round.
class DriftClient final : public flwrcpp::NumPyClient {
 public:
  DriftClient(std::int64_t partition, bool sleeps, std::stop_token stop)
      : partition_(partition), sleeps_(sleeps), stop_(std::move(stop)) {}

  StatusOr<ArrayRecord> GetParameters(const ConfigRecord& /*config*/) override {
    std::mt19937 random(static_cast<unsigned>(partition_));
    std::uniform_real_distribution<float> uniform(-0.1F, 0.1F);
    ArrayRecord arrays;
    for (const NamedShape& entry : ModelShapes()) {
      std::int64_t count = 1;
      for (const std::int64_t size : entry.shape) count *= size;
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& value : values) value = uniform(random);
      const StatusOr<Array> array = Array::From(values, entry.shape);
      if (!array.ok()) return array.status();
      arrays.Set(entry.name, *array);
    }
    return arrays;
  }

  StatusOr<ConfigRecord> GetProperties(const ConfigRecord& config) override {
    ConfigRecord properties = config;
    properties.Set("partition", partition_);
    return properties;
  }

  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config) override {
    if (const Status status = Obey(config); !status.ok()) return status;
    const StatusOr<std::int64_t> round = config.GetInt("server-round");
    if (!round.ok()) return round.status();
    const double step = 0.001 * static_cast<double>((partition_ + 1) * *round);
    FitRes result;
    double loss = 0;
    for (const auto& [name, array] : parameters) {
      double mean_size = 0;
      const StatusOr<Array> trained = Drift(array, step, mean_size);
      if (!trained.ok()) return trained.status();
      result.parameters.Set(name, *trained);
      loss += mean_size / static_cast<double>(parameters.size());
    }
    result.metrics.Set("train_loss", loss);
    result.num_examples = NumExamples();
    return result;
  }

  StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters,
                                 const ConfigRecord& /*config*/) override {
    const StatusOr<double> loss = Loss(parameters);
    if (!loss.ok()) return loss.status();
    EvaluateRes result;
    result.loss = *loss;
    result.num_examples = NumExamples();
    result.metrics.Set("eval_acc", 0.5);
    return result;
  }

 private:
  std::int64_t NumExamples() const { return 10 * (partition_ + 1); }

  /// Makes each element half of it plus `step`.
  /// @return the sum of the sizes before. It is several sums side by side: in one alone each
  ///   addition would wait for the one before.
  template <typename T>
  static double DriftValues(std::span<T> values, T step) {
    std::array<double, 16> sums{};
    const auto drift = [&](T& value, double& sum) {
      sum += std::fabs(value);
      value = value * T{0.5} + step;
    };
    std::size_t i = 0;
    for (; i + sums.size() <= values.size(); i += sums.size()) {
      for (std::size_t k = 0; k < sums.size(); ++k) drift(values[i + k], sums[k]);
    }
    for (; i < values.size(); ++i) drift(values[i], sums[0]);
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  }

  template <typename T>
  static StatusOr<Array> DriftAs(const char* dtype, const Array& array, double step,
                                 double& mean_size) {
    Status copied;
    const StatusOr<Array> drifted =
        Array::Build(dtype, array.Header()->shape, [&](std::span<std::byte> bytes) {
          copied = array.CopyElements(bytes);
          const std::span values(reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T));
          mean_size +=
              DriftValues(values, static_cast<T>(step)) / static_cast<double>(values.size());
        });
    return copied.ok() ? drifted : copied;
  }

  /// @param mean_size becomes the mean size of the elements before.
  static StatusOr<Array> Drift(const Array& array, double step, double& mean_size) {
    const StatusOr<flwrcpp::NpyHeader> header = array.Header();
    if (!header.ok()) return header.status();
    if (header->descr == "<f4") return DriftAs<float>("float32", array, step, mean_size);
    // Stock workflows of secure aggregation send these from the second round on.
    if (header->descr == "<f8") return DriftAs<double>("float64", array, step, mean_size);
    return array;
  }

  template <typename T>
  static StatusOr<double> MeanSize(const Array& array) {
    const StatusOr<std::vector<T>> values = array.ToVector<T>();
    if (!values.ok()) return values.status();
    double size = 0;
    for (const T value : *values) size += std::fabs(value);
    return values->empty() ? 0 : size / static_cast<double>(values->size());
  }

  /// The mean, over the arrays, of their elements' mean size.
  static StatusOr<double> Loss(const ArrayRecord& arrays) {
    double sum = 0;
    for (const auto& item : arrays) {
      const StatusOr<flwrcpp::NpyHeader> header = item.second.Header();
      const bool is_double = header.ok() && header->descr == "<f8";
      const StatusOr<double> size =
          is_double ? MeanSize<double>(item.second) : MeanSize<float>(item.second);
      if (!size.ok()) return size.status();
      sum += *size;
    }
    return arrays.empty() ? 0 : sum / static_cast<double>(arrays.size());
  }

  /// Throws, or sleeps before it goes on, if the instruction asks this partition to.
  Status Obey(const ConfigRecord& config) const {
    const std::string fault = sleeps_ ? "sleep" : config.GetString("fault").value_or("");
    const bool meant = sleeps_ || config.GetInt("fault-partition").value_or(-1) == partition_;
    if (fault.empty() || !meant) return {};
    Say(fmt::format("fault {} begins on partition {}", fault, partition_));
    if (fault == "throw") {
      throw std::runtime_error(fmt::format("interop fault on partition {}", partition_));
    }
    constexpr double kUntilStopped = 3600;
    const double seconds = config.GetDouble("fault-seconds").value_or(0);
    SleepUnlessStopped(sleeps_ ? kUntilStopped : seconds, stop_);
    if (stop_.stop_requested()) return {StatusCode::kCancelled, "the work is not wanted any more"};
    return {};
  }

  const std::int64_t partition_;
  const bool sleeps_;
  const std::stop_token stop_;
};

/// Fails in the stage that `drop-out-stage` of the node's config tells. Around the protocol, which
/// does not notice.
StatusOr<flwrcpp::Message> DropOut(const flwrcpp::Message& message, Context& context,
                                   const flwrcpp::MessageHandler& next) {
  static constexpr std::array kStages = {"setup", "share_keys", "collect_masked_vectors", "unmask"};
  const std::int64_t stage = context.node_config.GetInt("drop-out-stage").value_or(-1);
  const ConfigRecord* const configs = message.content().FindConfig("secaggplus_configs");
  if (configs != nullptr && stage >= 0 && stage < 4 &&
      configs->GetString("stage").value_or("") == kStages[static_cast<std::size_t>(stage)]) {
    Say(fmt::format("drops out in stage {}", stage));
    return Status(StatusCode::kAborted, "dropped out as its config wants it");
  }
  return next(message, context);
}

/// `key=value key=value`; values are whole numbers or text.
flwrcpp::UserConfig ParseNodeConfig(const std::string& text) {
  flwrcpp::UserConfig config;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string value = word.substr(equals + 1);
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    if (std::from_chars(value.data(), end, number).ptr == end && !value.empty()) {
      config.Set(word.substr(0, equals), number);
    } else {
      config.Set(word.substr(0, equals), value);
    }
  }
  return config;
}

/// The test knows these numbers.
constexpr flwrcpp::LocalDpOptions kLocalDp = {
    .clipping_norm = 0.1, .sensitivity = 0.02, .epsilon = 0.5, .delta = 1e-5};

}  // namespace

int main(int argc, char** argv) {
  flwrcpp::NodeOptions options;
  std::string root_certificates;
  std::string private_key;
  std::string node_config = "partition-id=0";
  std::string transport = "auto";
  double max_wait_seconds = 0;
  std::string mod;

  CLI::App cli("Node for the interop tests");
  cli.add_option("--superlink", options.superlink);
  cli.add_flag("--insecure", options.insecure);
  cli.add_option("--root-certificates", root_certificates)->check(CLI::ExistingFile);
  cli.add_option("--auth-supernode-private-key", private_key)->check(CLI::ExistingFile);
  cli.add_option("--node-config", node_config);
  cli.add_option("--transport", transport)
      ->check(CLI::IsMember({"auto", "http", "grpc", "classic"}));
  cli.add_option("--max-retries", options.max_retries);
  const CLI::Option* const wait = cli.add_option("--max-wait-time", max_wait_seconds);
  cli.add_option("--state-dir", options.state_directory);
  cli.add_option("--mod", mod, "As Flower calls it")
      ->check(CLI::IsMember(
          {"fixedclipping_mod", "adaptiveclipping_mod", "LocalDpMod", "secaggplus_mod"}));
  CLI11_PARSE(cli, argc, argv);

  for (const auto& [file, text] : {std::pair(root_certificates, &options.root_certificates),
                                   std::pair(private_key, &options.private_key)}) {
    if (file.empty()) continue;
    StatusOr<std::string> read = flwrcpp::program::ReadTextFile(file);
    if (!read.ok()) return flwrcpp::program::ReportError(read.status());
    *text = *std::move(read);
  }
  if (*wait) options.max_wait_time = std::chrono::duration<double>(max_wait_seconds);
  if (transport == "http") options.transport = flwrcpp::Transport::kHttp;
  if (transport == "grpc") options.transport = flwrcpp::Transport::kGrpc;
  if (transport == "classic") options.transport = flwrcpp::Transport::kClassic;
  options.node_config = ParseNodeConfig(node_config);
  options.on_connected = [&](std::uint64_t node_id, std::string_view wire) {
    Say(fmt::format("Node {} connected to {} ({})", node_id, options.superlink, wire));
  };
  flwrcpp::SetLogSink([](flwrcpp::LogLevel level, std::string_view line) {
    if (level >= flwrcpp::LogLevel::kInfo) fmt::print(stderr, "{}\n", line);
  });

  const flwrcpp::program::SignalStop stop;
  flwrcpp::ClientApp app = flwrcpp::MakeClientApp(
      [](Context& context) -> StatusOr<std::shared_ptr<flwrcpp::NumPyClient>> {
        const StatusOr<std::int64_t> partition = context.node_config.GetInt("partition-id");
        if (!partition.ok()) return partition.status();
        const bool sleeps = context.node_config.GetString("fault").value_or("") == "sleep";
        return std::make_shared<DriftClient>(*partition, sleeps, context.stop);
      },
      "eval_loss");
  if (mod == "fixedclipping_mod") app.Use(flwrcpp::FixedClippingMod());
  if (mod == "adaptiveclipping_mod") app.Use(flwrcpp::AdaptiveClippingMod());
  if (mod == "LocalDpMod") {
    const StatusOr<flwrcpp::Mod> local_dp = flwrcpp::LocalDpMod(kLocalDp);
    if (!local_dp.ok()) return flwrcpp::program::ReportError(local_dp.status());
    app.Use(*local_dp);
  }
  if (mod == "secaggplus_mod") app.Use(DropOut).Use(flwrcpp::SecAggPlusMod());
  const Status status = flwrcpp::RunNode(app, options, stop.token());
  return status.ok() ? flwrcpp::program::kSuccess : flwrcpp::program::ReportError(status);
}
