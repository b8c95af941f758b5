// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "flwrcpp/client.h"
#include "flwrcpp/client_app.h"
#include "task/data.h"
#include "task/model.h"

namespace flwrcpp::client_app {

/// What the clients of one process share: the partition, read once, and the network.
struct LocalTask {
  task::TaskData data;
  task::Model model;
  std::string device = "cpu";
  /// Order of the samples: drawn anew each round from this seed, or always their own.
  bool shuffle = true;
  std::uint64_t seed = 42;
};

/// The node's client: trains and measures the CNN on the local partition.
///
/// Hyperparameters come from the server's config, else from the run config, under Flower's names
/// with dashes or underscores: `lr` (0.01), `local-epochs` (1), `batch-size` (32), `momentum`
/// (0.9), `proximal-mu` (0). A value that cannot be used is an error that names it.
class FlowerClient final : public NumPyClient {
 public:
  /// `context` must outlive the client.
  FlowerClient(std::shared_ptr<LocalTask> task, const Context& context)
      : task_(std::move(task)), context_(context) {}

  StatusOr<ArrayRecord> GetParameters(const ConfigRecord& config) override;
  /// Metrics: `train_loss`.
  StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config) override;
  /// Metrics: `eval_acc`, the accuracy on the validation part of the partition.
  StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters,
                                 const ConfigRecord& config) override;

 private:
  std::shared_ptr<LocalTask> task_;
  const Context& context_;
};

/// The ClientApp of the program.
ClientApp MakeFlowerClientApp(std::shared_ptr<LocalTask> task);

}  // namespace flwrcpp::client_app
