// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "records/object.h"

namespace flwrcpp::internal {

/// Makes the messages of a ServerApp ready for sending. Thread-safe.
class InstructionMaker {
 public:
  /// @param clock gives the time in Unix seconds.
  InstructionMaker(std::uint64_t run_id, std::uint64_t task_id, std::function<double()> clock);

  struct Instruction {
    Message stub;  ///< With its id; without content.
    DeflatedMessage deflated;
  };
  /// Fills in run, source, time and id, and takes the messages apart: content that they share once.
  std::vector<Instruction> Make(std::vector<Message> messages);

 private:
  void Stamp(Metadata& metadata);

  const std::uint64_t run_id_;
  const std::uint64_t task_id_;
  const std::function<double()> clock_;
  std::mutex mutex_;
  double last_stamp_ = 0;
};

/// Stands for a reply that came, but cannot be read: one node's broken reply must not end a run.
Message UnreadableReply(const Metadata& metadata, const Status& status);

}  // namespace flwrcpp::internal
