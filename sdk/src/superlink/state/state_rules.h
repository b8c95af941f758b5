// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"
#include "superlink/state/link_state.h"

namespace flwrcpp::internal {

/// The rules of Flower's LinkState that need no state, for all its implementations.

/// Checks instructions by themselves, and that none has the id of a different one among them.
/// @return `kInvalidArgument` naming the rule that is broken.
Status CheckInstructions(std::span<const Message> messages, double now);

/// Checks a reply by itself.
/// @return `kInvalidArgument` naming the rule that is broken.
Status CheckReply(const Message& message, double now);

/// Checks a reply against the instruction it names.
/// @return `kNotFound` if that has expired, `kPermissionDenied` if it was for another node or of
///   another run, `kInvalidArgument` if the reply would outlive it.
Status CheckReplyFits(const Metadata& reply, const Metadata& instruction, double now);

/// Checks seconds between heartbeats.
/// @return `kInvalidArgument`.
Status CheckHeartbeatInterval(double seconds);

/// Checks a step of a run to `next`, with `sub_status` if that is the end.
/// @return `kFailedPrecondition`, or `kInvalidArgument` for an unknown `sub_status`.
Status CheckTransition(const RunInfo& run, RunStatus next, const std::string& sub_status);

/// Checks seconds to be added to a run's ClientApp runtime.
/// @return `kInvalidArgument`.
Status CheckRuntime(double seconds);

/// The end of a log that has become too long.
inline constexpr std::string_view kLogIsFull =
    "\n[the SuperLink keeps no more of this log: it has 64 MiB]\n";
/// Where a part of a log that is read at once ends.
inline constexpr std::size_t kLogPartBytes = std::size_t{4} << 20;
/// The time of a log entry after one of the time `last`; 0 for none. Readers go on one microsecond
/// after the entry they read last.
double NextLogTime(double last, double now);

/// A claim whose time is up is of no use any more.
inline bool HasLapsed(double claimed_until, double now) { return claimed_until <= now; }
inline constexpr std::string_view kClaimLapsed = "no heartbeat was received from its process";

/// A fresh token of a claim.
std::string NewToken();

Status OtherMessageKnown(const std::string& message_id);
Status UnknownKey();
Status UnknownNode(std::uint64_t node_id);
Status UnknownRun(std::uint64_t run_id);
Status UnknownToken();
Status UnknownFab(const std::string& hash);
Status UnknownContext(std::uint64_t series_id);
Status NonceUsed();

inline double ExpiresAt(const Metadata& metadata) { return metadata.created_at + metadata.ttl; }
inline bool HasExpired(const Metadata& metadata, double now) { return ExpiresAt(metadata) <= now; }

/// `message` without its records.
Message StubOf(const Message& message);

/// Error replies that the SuperLink makes itself.
Message MessageUnavailable(std::uint64_t run_id, const std::string& instruction_id, double now);
Message ReplyUnavailable(const Metadata& instruction, double now);
Message NodeUnavailable(const Metadata& instruction, double now);

}  // namespace flwrcpp::internal
