// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "server_app/history.h"

namespace flwrcpp::server_app {

/// Tells how a run goes: a bar that moves on a terminal, one line a round elsewhere. Not
/// thread-safe.
class Progress {
 public:
  Progress(int num_rounds, bool terminal) : num_rounds_(num_rounds), terminal_(terminal) {}

  void Waiting(int min_nodes);
  /// A reply of the round came in.
  void Reply(int server_round, std::string_view phase, int received, int expected);
  void Round(const RoundFigures& figures);

 private:
  void Draw(int server_round, double share, std::string_view text);
  void Clear();

  int num_rounds_;
  bool terminal_;
};

}  // namespace flwrcpp::server_app
