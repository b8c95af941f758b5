// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "flwrcpp/client_app.h"
#include "flwrcpp/context.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// What `NumPyClient::Fit` returns.
struct FitRes {
  ArrayRecord parameters;
  std::int64_t num_examples = 0;
  ConfigRecord metrics;  ///< Message-based ServerApps get its numbers; classic ones everything.
};

/// What `NumPyClient::Evaluate` returns.
struct EvaluateRes {
  double loss = 0;
  std::int64_t num_examples = 0;
  ConfigRecord metrics;
};

/// A client in the classic style: one object with `fit` and `evaluate` in place of message
/// handlers. (`flwr.client.NumPyClient`; the arrays keep their names here.)
///
/// Parameters of a classic (legacy) ServerApp come under the names "0", "1", …: they are
/// positional. Those of a message-based one keep the names of the model; `Fit` must answer with
/// as many arrays in the same order. `config` holds what the strategy sends for the round.
class NumPyClient {
 public:
  virtual ~NumPyClient() = default;

  /// The parameters of a fresh local model; asked once, of one node, by classic strategies
  /// without initial parameters.
  virtual StatusOr<ArrayRecord> GetParameters(const ConfigRecord& config);
  virtual StatusOr<ConfigRecord> GetProperties(const ConfigRecord& config);
  /// Trains on local data, starting from `parameters`.
  virtual StatusOr<FitRes> Fit(const ArrayRecord& parameters, const ConfigRecord& config);
  /// Measures `parameters` on local data.
  virtual StatusOr<EvaluateRes> Evaluate(const ArrayRecord& parameters, const ConfigRecord& config);
};

/// Makes the client that answers one message. Called once a message, as stock Flower does.
using ClientFn = std::function<StatusOr<std::shared_ptr<NumPyClient>>(Context& context)>;

/// A ClientApp around a classic client. It answers both conventions of Flower:
/// - message-based: `arrays` + `config` in; `arrays` + `metrics` (with `num-examples`) out,
/// - classic records `fitins.*`, `evaluateins.*`, `getparametersins.*`, `getpropertiesins.*`.
/// `loss_name` names the loss of `Evaluate` among the metrics of a message-based reply.
ClientApp MakeClientApp(ClientFn client_fn, std::string loss_name = "eval_loss");

}  // namespace flwrcpp
