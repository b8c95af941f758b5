// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "superlink/message_exchange.h"
#include "superlink/notifier.h"
#include "superlink/state/state.h"

namespace flwrcpp::internal {

/// What the streams of classic nodes work on. All of it must outlive them.
struct ClassicContext {
  const State& state;
  Notifier& notifier;
  MessageExchange& exchange;
  std::function<double()> clock;  ///< Unix seconds.
};

/// A node of the SuperLink that exists as long as its stream: registered with a key that nobody
/// else has, online, and unregistered by the destructor. Used by one thread at a time.
class ClassicNodeSession {
 public:
  /// Seconds within which `KeepAlive` is to be called again.
  static constexpr double kKeepAliveInterval = 30;

  /// @param context must outlive the session.
  static StatusOr<std::unique_ptr<ClassicNodeSession>> Join(const ClassicContext& context);
  ~ClassicNodeSession();
  ClassicNodeSession(const ClassicNodeSession&) = delete;
  ClassicNodeSession& operator=(const ClassicNodeSession&) = delete;

  std::uint64_t node_id() const { return node_id_; }

  /// @return `kNotFound` when the node has been unregistered by somebody else.
  Status KeepAlive();

  /// Takes the next instruction with its content, if there is one. Instructions that cannot be read
  /// are dropped.
  StatusOr<std::optional<Message>> Next();

  /// Stores the reply to an instruction. A reply that comes too late is dropped.
  Status Answer(const Message& reply);

  /// Adds to the counters of the instruction's run.
  void CountTraffic(std::uint64_t run_id, std::uint64_t bytes_sent, std::uint64_t bytes_recv);

 private:
  ClassicNodeSession(const ClassicContext& context, std::uint64_t node_id);

  const ClassicContext& context_;
  const std::uint64_t node_id_;
};

}  // namespace flwrcpp::internal
