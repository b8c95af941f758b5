// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/grid.h"
#include "flwrcpp/message.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp {

/// What became of one round's replies.
struct AggregateResult {
  std::optional<ArrayRecord> arrays;    ///< Absent: no usable reply (or an evaluate round).
  std::optional<MetricRecord> metrics;  ///< Absent: no usable reply.
  int num_results = 0;
  /// Replies that came and were left out because they came too late: for a phase that had been
  /// closed before, or (`FedBuff`) from a model that was too old.
  int num_late = 0;
  /// Nodes that answered with an error or unusable content, with the reason.
  std::vector<std::pair<std::uint64_t, std::string>> failures;
};

/// Takes the replies of one round one by one, as they arrive, in any order. Not thread-safe.
class Aggregator {
 public:
  virtual ~Aggregator() = default;

  /// Adds a reply. One that is an error, or inconsistent with the others, is counted as failure
  /// with a text that names node and key; it never aborts the run.
  virtual void Add(Message reply) = 0;

  /// The aggregate of what was added. Call once, last.
  virtual StatusOr<AggregateResult> Finish() = 0;
};

/// Measures the global model on the server, after round 0 (initial arrays) and every round.
using EvaluateFn = std::function<StatusOr<std::optional<MetricRecord>>(int server_round,
                                                                       const ArrayRecord& arrays)>;

/// Progress of a run, for a bar or a log. All callbacks come from the thread that called `Start`.
struct RoundReport {
  int server_round = 0;
  int num_rounds = 0;
  /// Nodes that the strategy chose, without those that `over_selection` and `max_redispatches` have
  /// added; those that did not answer in time are in neither the results nor the failures.
  int sampled_train = 0;
  int sampled_evaluate = 0;
  std::optional<AggregateResult> train;     ///< Without its arrays. Absent: nobody was asked.
  std::optional<AggregateResult> evaluate;  ///< Likewise.
  std::optional<MetricRecord> server_metrics;
  double train_seconds = 0;     ///< From the instructions to the aggregate; the time that a round
  double evaluate_seconds = 0;  ///< waited for nodes to come is not counted.
  double seconds = 0;           ///< Both, and the evaluation on the server.
};

/// What `Strategy::Start` takes beside the grid.
struct StartOptions {
  /// More is a number of nodes where a part of one was meant.
  static constexpr double kMaxOverSelection = 100;

  ArrayRecord initial_arrays;
  int num_rounds = 3;  ///< Number of the last round.
  /// Round to begin with; above 1 when going on from a checkpoint, `initial_arrays` being what the
  /// round before it gave. The last round is `num_rounds` in any case; round 0 is left out then.
  int first_round = 1;
  /// How long to wait for a round's replies; empty: no limit.
  std::optional<std::chrono::duration<double>> timeout = std::chrono::hours(1);
  /// Asks more nodes than the strategy chose, k, and closes the phase when k of them have answered
  /// without an error (or at the timeout): ⌈k · over_selection⌉ more, with the same content, as
  /// many as are online and idle. Nodes that still work for a phase that was closed are passed over
  /// where an idle one is online. Which idle nodes, depends on the round and on the strategy's
  /// choice. At most `kMaxOverSelection`.
  double over_selection = 0;
  /// How often in a phase the place of a lost node is given to another one that is online, idle and
  /// was not asked in this phase, with the same content. A node is lost that went offline, whose
  /// ClientApp crashed or whose reply cannot be had; not one that refused or whose handler failed.
  /// The data of the lost node are not replaced, only its place. Holds the content of the phase's
  /// messages until it is closed, which shares its arrays with the global model.
  int max_redispatches = 0;
  ConfigRecord train_config;
  ConfigRecord evaluate_config;
  EvaluateFn evaluate_fn;
  /// Called after each reply that arrived: (phase "train"/"evaluate", replies so far, expected).
  std::function<void(std::string_view phase, int received, int expected)> on_reply;
  /// Called after each round (and after round 0 if it was evaluated) with the global arrays then.
  /// A status that is not OK ends the run with it.
  std::function<Status(const RoundReport& report, const ArrayRecord& arrays)> on_round;
  std::stop_token stop;
};

/// What a run produced. (`flwr.serverapp.strategy.Result`)
struct Result {
  /// The last aggregate; empty if no round ever aggregated.
  ArrayRecord arrays;
  std::map<int, MetricRecord> train_metrics_clientapp;
  std::map<int, MetricRecord> evaluate_metrics_clientapp;
  std::map<int, MetricRecord> evaluate_metrics_serverapp;
};

/// The way to the nodes and back that `Strategy::Start` gives to a train phase. Each call waits for
/// the replies as long as `StartOptions::timeout` says, hands each one to `on_reply` as it arrives
/// and then reports it to `StartOptions::on_reply`. May be called several times in a phase.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// Asks exactly the nodes that `messages` are addressed to, as `Grid::SendAndReceive` does.
  /// @return the first status of `on_reply` that is not OK, `kCancelled` after a stop, errors of
  /// the
  ///   grid and of the callbacks.
  virtual Status SendAndReceive(std::vector<Message> messages, const Grid::OnReply& on_reply) = 0;

  /// Likewise for messages whose content is not meant for one node: each is a place that another
  /// node may take, as `StartOptions::over_selection` and `max_redispatches` say. At most one reply
  /// a place is handed over; its source is the node that took the place. Errors of nodes whose
  /// place was taken are not handed over; the phase's `AggregateResult` gets them as failures in
  /// the end.
  virtual Status FillPlaces(std::vector<Message> messages, const Grid::OnReply& on_reply) = 0;
};

/// What `Strategy::RunTrain` works with; valid during the call.
struct TrainPhase {
  int server_round = 0;
  const ArrayRecord& arrays;  ///< The global model.
  const ConfigRecord& config;
  Grid& grid;
  Exchange& exchange;
  std::optional<std::chrono::duration<double>> timeout;  ///< As in StartOptions.
  /// Reports progress of a phase that talks to the grid by itself: replies so far, expected.
  std::function<Status(int received, int expected)> on_reply;
  std::stop_token stop;
};

/// How a run chooses nodes, what it sends them and what it makes of their replies.
/// (`flwr.serverapp.strategy.Strategy`)
///
/// A run calls from one thread. `RestoreState` comes before the first round, if at all. In a round,
/// `RunTrain` is called once, which calls `ConfigureTrain` once and, if it gave messages,
/// `AggregateTrain` once, whose aggregator gets the replies, is finished once and is gone before
/// anything else is called; then the same for evaluation. `State` is asked between rounds. So a
/// strategy may keep from `Configure…` what `Aggregate…` needs, such as the global arrays, and an
/// aggregator may refer to its strategy. A strategy whose train phase is more than one question and
/// one answer overrides `RunTrain`.
///
/// A wrapper of another strategy (StrategyWrapper) relies on this order and keeps it towards that
/// one. It may give the inner `Configure…` other arrays or config, change the messages that come
/// back, change a reply before `Add` or hold it back, and change what `Finish` gave. The inner
/// strategy takes the arrays of its `ConfigureTrain` for the global model of the round and never
/// asks where they are from. Its state goes into the wrapper's, under names with a prefix there.
class Strategy {
 public:
  virtual ~Strategy() = default;

  /// The instructions of a round's train phase; may be none.
  virtual StatusOr<std::vector<Message>> ConfigureTrain(int server_round, const ArrayRecord& arrays,
                                                        const ConfigRecord& config, Grid& grid,
                                                        std::stop_token stop) = 0;
  /// Begins to aggregate a round's train replies.
  virtual std::unique_ptr<Aggregator> AggregateTrain(int server_round) = 0;
  virtual StatusOr<std::vector<Message>> ConfigureEvaluate(int server_round,
                                                           const ArrayRecord& arrays,
                                                           const ConfigRecord& config, Grid& grid,
                                                           std::stop_token stop) = 0;
  virtual std::unique_ptr<Aggregator> AggregateEvaluate(int server_round) = 0;

  /// Carries out a round's train phase: here `ConfigureTrain`, an exchange that fills the places of
  /// its messages, `AggregateTrain`.
  /// @return nothing if nobody was asked; an error ends the run.
  virtual StatusOr<std::optional<AggregateResult>> RunTrain(const TrainPhase& phase);

  /// What the strategy itself carries from round to round, for a checkpoint: everything but its
  /// settings and the global arrays that a round to come depends on, such as momenta or the order
  /// of nodes. A run that is stopped after round k and goes on, in a new strategy with the same
  /// settings, with `RestoreState`, `first_round` k + 1 and the arrays of round k, must give what
  /// the uninterrupted one would have given. Arrays in it share their data with the strategy's.
  /// Empty before the first round, and always for a strategy that carries nothing.
  virtual RecordDict State() const { return {}; }

  /// Goes on from what `State` of such a strategy gave; from the beginning if `state` is empty.
  /// @return `kInvalidArgument` naming the record that is missing, unexpected or damaged; the
  ///   strategy is as before then. Whether arrays fit the model shows in the first round.
  virtual Status RestoreState(const RecordDict& state);

  /// One line a setting, for the log.
  virtual std::vector<std::string> Summary() const = 0;

  /// Runs all rounds: train, aggregate, evaluate on nodes, evaluate on the server.
  ///
  /// A round without a usable train reply leaves the global arrays as they are. While replies are
  /// aggregated, Start holds the global arrays and nothing else of a model's size; hand `options`
  /// over with `std::move`, else the caller's copy keeps the initial arrays in memory beside them.
  /// @return `kInvalidArgument` for options out of range, `kCancelled` after a requested stop;
  ///   errors of the grid and of the callbacks (`kInternal` for an exception).
  ///
  /// Virtual for strategies that keep something for the length of a run; they call this one.
  virtual StatusOr<Result> Start(Grid& grid, StartOptions options);
};

}  // namespace flwrcpp
