// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client_app/flower_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace flwrcpp::client_app {
namespace {

/// Settings by name from the server's config, then the run config; remembers the first error.
class Settings {
 public:
  Settings(const ConfigRecord& config, const UserConfig& run_config)
      : sources_{&config, &run_config} {}

  double Number(const std::string& name, double otherwise) {
    return Get(name, otherwise, [](const ConfigRecord& from, const std::string& key) {
      return from.GetDouble(key);
    });
  }
  int Count(const std::string& name, int otherwise) {
    const auto count =
        Get(name, static_cast<std::int64_t>(otherwise),
            [](const ConfigRecord& from, const std::string& key) { return from.GetInt(key); });
    return static_cast<int>(std::clamp<std::int64_t>(count, -1, 1'000'000));
  }
  const Status& status() const { return status_; }

 private:
  template <typename T, typename Getter>
  T Get(const std::string& name, T otherwise, const Getter& getter) {
    std::string underscored = name;
    std::replace(underscored.begin(), underscored.end(), '-', '_');
    for (const ConfigRecord* source : sources_) {
      for (const std::string& key : {name, underscored}) {
        if (!source->contains(key)) continue;
        const StatusOr<T> value = getter(*source, key);
        if (value.ok()) return *value;
        if (status_.ok()) {
          status_ = Status(value.status().code(),
                           "hyperparameter: " + std::string(value.status().message()));
        }
        return otherwise;
      }
    }
    return otherwise;
  }

  const ConfigRecord* sources_[2];
  Status status_;
};

}  // namespace

StatusOr<ArrayRecord> FlowerClient::GetParameters(const ConfigRecord& /*config*/) {
  return task_->model.Parameters();
}

StatusOr<FitRes> FlowerClient::Fit(const ArrayRecord& parameters, const ConfigRecord& config) {
  Settings settings(config, context_.run_config);
  task::TrainOptions options;
  options.lr = settings.Number("lr", options.lr);
  options.momentum = settings.Number("momentum", options.momentum);
  options.epochs = settings.Count("local-epochs", options.epochs);
  options.batch_size = settings.Count("batch-size", options.batch_size);
  options.proximal_mu = settings.Number("proximal-mu", options.proximal_mu);
  const int round = settings.Count("server-round", 0);
  if (!settings.status().ok()) return settings.status();
  if (task_->shuffle) options.shuffle_seed = task_->seed + static_cast<std::uint64_t>(round);
  options.device = task_->device;
  options.stop = context_.stop;

  if (Status status = task_->model.SetParameters(parameters); !status.ok()) return status;
  const StatusOr<task::TrainResult> trained = task::Train(task_->model, task_->data.train, options);
  if (!trained.ok()) return trained.status();
  if (trained->stopped) return Status(StatusCode::kCancelled, "training was stopped");
  StatusOr<ArrayRecord> updated = task_->model.Parameters();
  if (!updated.ok()) return updated.status();

  FitRes result;
  // The server's names and order, also where they are only positions (classic ServerApps).
  for (std::size_t i = 0; i < updated->size(); ++i) {
    const Array* by_name = updated->Find(parameters.item(i).first);
    result.parameters.Set(parameters.item(i).first,
                          by_name != nullptr ? *by_name : updated->item(i).second);
  }
  result.num_examples = static_cast<std::int64_t>(trained->num_examples);
  result.metrics.Set("train_loss", trained->loss);
  return result;
}

StatusOr<EvaluateRes> FlowerClient::Evaluate(const ArrayRecord& parameters,
                                             const ConfigRecord& /*config*/) {
  if (Status status = task_->model.SetParameters(parameters); !status.ok()) return status;
  const StatusOr<task::TestResult> tested =
      task::Test(task_->model, task_->data.validation, task_->device);
  if (!tested.ok()) return tested.status();
  EvaluateRes result;
  result.loss = tested->loss;
  result.num_examples = static_cast<std::int64_t>(tested->num_examples);
  result.metrics.Set("eval_acc", tested->accuracy);
  return result;
}

ClientApp MakeFlowerClientApp(std::shared_ptr<LocalTask> task) {
  return MakeClientApp(
      [task = std::move(task)](Context& context) -> StatusOr<std::shared_ptr<NumPyClient>> {
        return std::make_shared<FlowerClient>(task, context);
      },
      "eval_loss");
}

}  // namespace flwrcpp::client_app
