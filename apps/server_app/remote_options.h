// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "flwrcpp/remote_superlink.h"
#include "flwrcpp/status.h"
#include "flwrcpp/task.h"
#include "program/task_flags.h"

namespace CLI {
class App;
}

namespace flwrcpp::server_app {

/// How `server_app` gets a run where it hosts no SuperLink itself.
struct RemoteOptions {
  enum class Way {
    kNone,    ///< It hosts one.
    kSubmit,  ///< It submits a run of its own.
    kServe,   ///< It is an executor: claims the runs that users start.
    kTask,    ///< It was started by an executor for one run.
  };

  Way way = Way::kNone;
  RemoteSuperLink superlink;
  TaskOptions task;    ///< Of `kTask`.
  int parent_pid = 0;  ///< Process whose end ends this one; 0: none.
};

/// The flags for the above.
class RemoteFlags {
 public:
  /// Adds the flags to `cli`, which keeps pointing at this object.
  void AddTo(CLI::App& cli);

  /// After parsing: checks the flags against each other and reads the files they name.
  StatusOr<RemoteOptions> Complete(bool insecure) const;

  std::string federation;

 private:
  std::string submit_address_;
  std::string executor_address_;
  program::TaskFlags task_;
  std::string root_certificates_;
  std::string secret_file_;
};

}  // namespace flwrcpp::server_app
