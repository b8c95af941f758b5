// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/federation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "flwrcpp/server_app.h"
#include "program/files.h"
#include "program/program.h"
#include "server_app/beginning.h"
#include "server_app/checkpoint.h"
#include "server_app/history.h"
#include "server_app/npz.h"
#include "server_app/progress.h"
#include "server_app/report.h"
#include "task/data.h"
#include "task/model.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;

/// The network and the images that the server measures it on.
struct Evaluation {
  std::optional<datasets::ImageDataset> test_data;
  std::optional<task::Model> model;
  std::string device;
};

StatusOr<Evaluation> PrepareEvaluation(const Options& options) {
  Evaluation evaluation;
  if (Status status = task::SetThreads(options.threads); !status.ok()) return status;
  StatusOr<std::string> device = task::ChooseDevice(options.device);
  if (!device.ok()) return device.status();
  evaluation.device = *std::move(device);
  datasets::ImageFormat format;
  if (options.server_evaluation) {
    StatusOr<datasets::ImageDataset> data = task::LoadTestData(options.dataset, options.data_dir);
    if (!data.ok()) return data.status();
    format = data->format;
    evaluation.test_data = *std::move(data);
  } else {
    const auto source = datasets::MakeImageSource(options.dataset, options.data_dir);
    if (!source.ok()) return source.status();
    format = (*source)->format();
  }
  StatusOr<task::Model> model = task::Model::Make(format, options.seed);
  if (!model.ok()) return model.status();
  evaluation.model = *std::move(model);
  return evaluation;
}

EvaluateFn MakeEvaluateFn(Evaluation& evaluation) {
  if (!evaluation.test_data) return nullptr;
  return [&evaluation](int /*server_round*/,
                       const ArrayRecord& arrays) -> StatusOr<std::optional<MetricRecord>> {
    if (Status status = evaluation.model->SetParameters(arrays); !status.ok()) return status;
    const StatusOr<task::TestResult> result =
        task::Test(*evaluation.model, *evaluation.test_data, evaluation.device);
    if (!result.ok()) return result.status();
    return MetricRecord{{"loss", result->loss}, {"accuracy", result->accuracy}};
  };
}

Status SaveFigures(const fs::path& out, const History& history) {
  Status status = program::SaveText(out / "metrics.json", ToJson(history));
  if (status.ok()) status = program::SaveText(out / "metrics.csv", ToCsv(history));
  if (status.ok()) status = program::SaveText(out / "report.html", ToHtml(history));
  return status;
}

/// The parameters of round 0, or of the round before the first one.
StatusOr<ArrayRecord> InitialArrays(const Options& options, const Beginning& beginning,
                                    Evaluation& evaluation, Grid& grid,
                                    const std::stop_token& stop) {
  if (beginning.checkpoint) {
    Status status;  // a server that does not evaluate need not know the nodes' network
    if (evaluation.test_data) {
      status = evaluation.model->SetParameters(beginning.checkpoint->arrays);
    }
    if (status.ok()) return beginning.checkpoint->arrays;
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("the checkpoint in {} does not fit the network for {}: {}",
                              options.resume, options.dataset, std::string(status.message())));
  }
  if (options.initial_from_client) return PullInitialArrays(grid, options.round_timeout, stop);
  return evaluation.model->Parameters();
}

/// What the options say of a run's rounds.
StartOptions MakeStartOptions(const Options& options, Evaluation& evaluation) {
  StartOptions start;
  start.num_rounds = options.rounds;
  start.timeout = options.round_timeout;
  start.over_selection = options.strategy.over_selection;
  start.max_redispatches = options.strategy.max_redispatches;
  start.train_config = {{"lr", options.lr},
                        {"local-epochs", options.local_epochs},
                        {"batch-size", options.batch_size}};
  start.evaluate_fn = MakeEvaluateFn(evaluation);
  return start;
}

/// The run itself: everything that happens between the start and the end of a ServerApp.
Status RunRounds(const Options& options, Beginning& beginning, Evaluation& evaluation, Grid& grid,
                 const std::stop_token& stop) {
  const fs::path out = options.out;
  History& history = beginning.history;
  Strategy& strategy = *beginning.strategy;
  Progress progress(options.rounds, isatty(STDOUT_FILENO) != 0);
  progress.Waiting(options.strategy.common.min_available_nodes);

  StartOptions start = MakeStartOptions(options, evaluation);
  StatusOr<ArrayRecord> initial = InitialArrays(options, beginning, evaluation, grid, stop);
  if (!initial.ok()) return initial.status();
  start.initial_arrays = *std::move(initial);
  bool state_is_missing = false;
  if (beginning.checkpoint) {
    start.first_round = beginning.checkpoint->server_round + 1;
    state_is_missing = !beginning.checkpoint->state.has_value();
    beginning.checkpoint.reset();
  }
  start.stop = stop;
  int current_round = start.first_round;
  start.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.Reply(current_round, phase, received, expected);
  };
  int useful_rounds = 0;
  start.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) -> Status {
    history.rounds.push_back(FiguresOf(report));
    progress.Round(history.rounds.back());
    current_round = report.server_round + 1;
    if (report.train && report.train->num_results > 0) ++useful_rounds;
    StrategyState state{options.strategy.FullName(), strategy.State()};
    if (std::exchange(state_is_missing, false) && !state.records.empty()) {
      program::Say(fmt::format("Note: the checkpoint had no state of {}, which began anew",
                               options.strategy.name));
    }
    Status status = SaveCheckpoint(out, {report.server_round, arrays, std::move(state)});
    history.settings = DescribeSettings(options, strategy);  // privacy spent so far is in it
    return status.ok() ? SaveFigures(out, history) : status;
  };

  const StatusOr<Result> result = strategy.Start(grid, std::move(start));
  if (!result.ok()) return result.status();
  if (useful_rounds == 0 && options.strategy.common.fraction_train > 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "no round had a usable reply: nothing was learned");
  }
  return SaveNpz(out / "model.npz", {result->arrays, ""});
}

/// Tells how to go on where a run was interrupted.
Status Explain(const Status& status, const Options& options, const History& history) {
  if (status.code() != StatusCode::kCancelled) return status;
  if (history.rounds.empty()) {
    return Status(StatusCode::kCancelled, "interrupted before the first round was done");
  }
  return Status(StatusCode::kCancelled,
                fmt::format("interrupted after round {}; go on with --resume {}",
                            history.rounds.back().server_round, options.out));
}

/// A whole run: rounds, table and files.
Status RunOnce(const Options& options, Beginning& beginning, Evaluation& evaluation, Grid& grid,
               const Context& context) {
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error) {
    return Status(StatusCode::kUnavailable,
                  fmt::format("cannot make the folder {}: {}", options.out, error.message()));
  }
  const Status status = RunRounds(options, beginning, evaluation, grid, context.stop);
  const History& history = beginning.history;
  if (!history.rounds.empty()) program::Say("\n" + ToTable(history));
  if (status.ok()) program::Say(fmt::format("Model, metrics and report: {}", options.out));
  return Explain(status, options, history);
}

/// A run that somebody started elsewhere, with a run config of its own.
Status RunForUser(Options options, Evaluation& evaluation, Grid& grid, const Context& context) {
  if (Status status = ApplyRunConfig(context.run_config, options); !status.ok()) return status;
  options.out = (fs::path(options.out) / fmt::format("run-{}", context.run_id)).string();
  options.resume.clear();
  StatusOr<Beginning> beginning = LoadBeginning(options);
  if (!beginning.ok()) return beginning.status();
  return RunOnce(options, *beginning, evaluation, grid, context);
}

Status RunHosted(const Options& options, const ServerApp& app, const std::stop_token& stop) {
  StatusOr<std::unique_ptr<SuperLink>> superlink = options.hosting.Start();
  if (!superlink.ok()) return superlink.status();
  const Status status = app.Run(**superlink, options.run, stop);
  (*superlink)->Stop();
  return status;
}

}  // namespace

Status RunFederation(const Options& options, std::stop_token stop) {
  using Way = RemoteOptions::Way;
  StatusOr<Beginning> beginning = LoadBeginning(options);
  if (!beginning.ok()) return beginning.status();
  StatusOr<Evaluation> evaluation = PrepareEvaluation(options);
  if (!evaluation.ok()) return evaluation.status();

  const RemoteOptions& remote = options.remote;
  const ServerApp own([&](Grid& grid, Context& context) {
    return RunOnce(options, *beginning, *evaluation, grid, context);
  });
  const ServerApp for_users([&](Grid& grid, Context& context) {
    return RunForUser(options, *evaluation, grid, context);
  });
  switch (remote.way) {
    case Way::kNone:
      return RunHosted(options, own, stop);
    case Way::kSubmit:
      return own.Run(remote.superlink, options.run, stop);
    case Way::kServe:
      program::Say("Executing the runs of " + remote.superlink.address);
      return for_users.Serve(remote.superlink, stop);
    case Way::kTask:
      return for_users.RunTask(remote.superlink, remote.task, stop);
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::server_app
