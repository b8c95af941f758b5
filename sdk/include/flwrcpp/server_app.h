// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "flwrcpp/context.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/status.h"
#include "flwrcpp/superlink.h"

namespace flwrcpp {

/// The part of a federation that coordinates: one function that talks to the nodes through a Grid,
/// usually by `Strategy::Start`. (`flwr.serverapp.ServerApp`)
class ServerApp {
 public:
  using Main = std::function<Status(Grid& grid, Context& context)>;

  /// An exception that `main` throws becomes `kInternal` with its text.
  explicit ServerApp(Main main) : main_(std::move(main)) {}

  /// Runs `main` once as a run of `superlink`, in this thread, and finishes the run with what
  /// came out: completed, stopped (`kCancelled`) or failed.
  Status Run(SuperLink& superlink, const RunOptions& options, std::stop_token stop) const;

 private:
  Main main_;
};

}  // namespace flwrcpp
