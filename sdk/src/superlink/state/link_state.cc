// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/link_state.h"

namespace flwrcpp::internal {

std::string_view NodeStatusName(NodeStatus status) {
  switch (status) {
    case NodeStatus::kRegistered:
      return "registered";
    case NodeStatus::kOnline:
      return "online";
    case NodeStatus::kOffline:
      return "offline";
    case NodeStatus::kUnregistered:
      break;
  }
  return "unregistered";
}

std::string_view RunStatusName(RunStatus status) {
  switch (status) {
    case RunStatus::kPending:
      return "pending";
    case RunStatus::kStarting:
      return "starting";
    case RunStatus::kRunning:
      return "running";
    case RunStatus::kFinished:
      break;
  }
  return "finished";
}

}  // namespace flwrcpp::internal
