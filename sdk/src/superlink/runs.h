// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "flwrcpp/status.h"
#include "superlink/notifier.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// Beginning and end of runs, with all that hangs on them: what is left of a finished run is
/// cleared away, and who waits is told. Thread-safe.
class Runs {
 public:
  /// `clock` gives Unix seconds; `notifier` must outlive this.
  Runs(State state, Notifier& notifier, std::function<double()> clock);

  /// Makes a run that waits for an executor.
  StatusOr<RunInfo> Create(const NewRun& run);

  /// Ends a run: its messages and objects go, its token is void.
  /// @return as `LinkState::FinishRun`; errors of the state.
  Status Finish(std::uint64_t run_id, const std::string& sub_status, const std::string& details);

  /// Gives back, or ends, runs whose executors have not been heard of in time. To be called before
  /// runs are looked at, and now and then.
  Status ExpireClaims();

  /// Adds to a run's log.
  Status Log(std::uint64_t run_id, const std::string& text);

 private:
  Status Clear(std::uint64_t run_id);

  const State state_;
  Notifier& notifier_;
  const std::function<double()> clock_;
};

}  // namespace flwrcpp::internal
