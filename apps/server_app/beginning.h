// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "flwrcpp/status.h"
#include "flwrcpp/strategy/strategy.h"
#include "server_app/checkpoint.h"
#include "server_app/history.h"
#include "server_app/options.h"

namespace flwrcpp::server_app {

/// What a run begins with.
struct Beginning {
  std::unique_ptr<Strategy> strategy;
  /// That of the run it goes on with, whose state `strategy` has already; absent: a new run.
  std::optional<Checkpoint> checkpoint;
  History history;  ///< The rounds up to the checkpoint.
};

/// Makes the strategy and, with `--resume`, reads where an earlier run ended.
/// @return `kInvalidArgument` when the checkpoint is of another strategy or its state does not fit,
///   or leaves nothing to do; errors of `LoadLatestCheckpoint` and `LoadHistory`.
StatusOr<Beginning> LoadBeginning(const Options& options);

}  // namespace flwrcpp::server_app
