// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/federation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "flwrcpp/server_app.h"
#include "program/files.h"
#include "program/program.h"
#include "server_app/checkpoint.h"
#include "server_app/history.h"
#include "server_app/progress.h"
#include "server_app/report.h"
#include "server_app/weighted_average.h"
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

/// What the run begins with: an earlier run's checkpoint, or nothing yet.
struct Beginning {
  std::optional<Checkpoint> checkpoint;
  History history;
};

StatusOr<Beginning> LoadBeginning(const Options& options) {
  Beginning beginning;
  if (!options.resume.empty()) {
    StatusOr<Checkpoint> checkpoint = LoadLatestCheckpoint(options.resume);
    if (!checkpoint.ok()) return checkpoint.status();
    if (checkpoint->server_round >= options.rounds) {
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("the checkpoint in {} is of round {}: --rounds {} leaves nothing "
                                "to do, expected more",
                                options.resume, checkpoint->server_round, options.rounds));
    }
    StatusOr<History> history = LoadHistory(fs::path(options.resume) / "metrics.json");
    if (!history.ok()) return history.status();
    std::erase_if(history->rounds, [&](const RoundFigures& figures) {
      return figures.server_round > checkpoint->server_round;
    });
    beginning.history.rounds = std::move(history->rounds);
    beginning.checkpoint = *std::move(checkpoint);
  }
  beginning.history.settings = DescribeSettings(options);
  return beginning;
}

Status SaveFigures(const fs::path& out, const History& history) {
  Status status = program::SaveText(out / "metrics.json", ToJson(history));
  if (status.ok()) status = program::SaveText(out / "metrics.csv", ToCsv(history));
  if (status.ok()) status = program::SaveText(out / "report.html", ToHtml(history));
  return status;
}

/// The parameters of round 0, or of the round before the first one.
StatusOr<ArrayRecord> InitialArrays(const Options& options, const Beginning& beginning,
                                    const Evaluation& evaluation, Grid& grid,
                                    const std::stop_token& stop) {
  if (beginning.checkpoint) return beginning.checkpoint->arrays;
  if (options.initial_from_client) return PullInitialArrays(grid, options.round_timeout, stop);
  return evaluation.model->Parameters();
}

/// The run itself: everything that happens between the start and the end of a ServerApp.
Status RunRounds(const Options& options, Beginning& beginning, Evaluation& evaluation, Grid& grid,
                 const std::stop_token& stop) {
  const fs::path out = options.out;
  History& history = beginning.history;
  Progress progress(options.rounds, isatty(STDOUT_FILENO) != 0);
  progress.Waiting(options.strategy.min_available_nodes);

  StartOptions start;
  StatusOr<ArrayRecord> initial = InitialArrays(options, beginning, evaluation, grid, stop);
  if (!initial.ok()) return initial.status();
  start.initial_arrays = *std::move(initial);
  int current_round = 1;
  if (beginning.checkpoint) {
    current_round = beginning.checkpoint->server_round + 1;
    beginning.checkpoint.reset();
  }
  start.first_round = current_round;
  start.num_rounds = options.rounds;
  start.timeout = options.round_timeout;
  start.train_config = {{"lr", options.lr},
                        {"local-epochs", options.local_epochs},
                        {"batch-size", options.batch_size}};
  if (options.proximal_mu > 0) start.train_config.Set("proximal-mu", options.proximal_mu);
  start.evaluate_fn = MakeEvaluateFn(evaluation);
  start.stop = stop;
  start.on_reply = [&](std::string_view phase, int received, int expected) {
    progress.Reply(current_round, phase, received, expected);
  };
  int useful_rounds = 0;
  start.on_round = [&](const RoundReport& report, const ArrayRecord& arrays) -> Status {
    history.rounds.push_back(FiguresOf(report));
    progress.Round(history.rounds.back());
    current_round = report.server_round + 1;
    if (report.train && report.train->num_results > 0) ++useful_rounds;
    if (Status status = SaveCheckpoint(out, {report.server_round, arrays}); !status.ok()) {
      return status;
    }
    return SaveFigures(out, history);
  };

  FedAvgOptions fedavg = options.strategy;
  fedavg.evaluate_metrics_aggr_fn = WeightedAverage;
  StatusOr<std::unique_ptr<FedAvg>> strategy = FedAvg::Create(std::move(fedavg));
  if (!strategy.ok()) return strategy.status();
  const StatusOr<Result> result = (*strategy)->Start(grid, std::move(start));
  if (!result.ok()) return result.status();
  if (useful_rounds == 0 && options.strategy.fraction_train > 0) {
    return Status(StatusCode::kFailedPrecondition,
                  "no round had a usable reply: nothing was learned");
  }
  return SaveNpz(out / "model.npz", result->arrays);
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
  Beginning beginning;
  beginning.history.settings = DescribeSettings(options);
  return RunOnce(options, beginning, evaluation, grid, context);
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
