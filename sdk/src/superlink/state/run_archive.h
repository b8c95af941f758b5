// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "flwrcpp/bytes.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Most bytes of logs that are kept of a run. What comes after is left out, which the log says.
inline constexpr std::size_t kMaxLogBytes = std::size_t{64} << 20;

/// A piece of a run's log.
struct LogPart {
  std::string text;             ///< Empty: nothing new.
  double latest_timestamp = 0;  ///< Of the newest entry in `text`.
};

/// What a SuperLink keeps of its runs beside their messages: app bundles, logs, contexts.
///
/// Every method is atomic and safe to call from any thread. `now` is the time in Unix seconds.
/// Each method of an archive on disk can also fail with `kUnavailable` or `kDataLoss`, as in
/// LinkState; nothing has changed then.
class RunArchive {
 public:
  virtual ~RunArchive() = default;

  /// Keeps a FAB under its hash (lower-case hex SHA-256 of `content`). Again is fine.
  virtual Status StoreFab(const std::string& hash, const Bytes& content) = 0;
  /// @return `kNotFound`.
  virtual StatusOr<Bytes> GetFab(const std::string& hash) = 0;

  /// Adds to the log of a run. Entries of one run get strictly rising timestamps: `now`, or two
  /// microseconds more than the last.
  virtual Status AppendLog(std::uint64_t run_id, const std::string& text, double now) = 0;
  /// What was logged later than `after`, joined, oldest first. Gives at most about 4 MiB at once;
  /// the rest is later than `latest_timestamp`.
  virtual StatusOr<LogPart> ReadLog(std::uint64_t run_id, double after) = 0;

  /// Keeps the context (serialized) that runs of a series hand on to each other.
  virtual Status StoreContext(std::uint64_t series_id, const std::string& context) = 0;
  /// @return `kNotFound`.
  virtual StatusOr<std::string> GetContext(std::uint64_t series_id) = 0;

  /// Notes that a number used once was used. It is forgotten after `expires_at`.
  /// @return `kAlreadyExists` if it was used before.
  virtual Status UseNonce(const std::string& nonce, double expires_at, double now) = 0;
};

/// Archive that lives in this process.
std::unique_ptr<RunArchive> MakeMemoryRunArchive();

}  // namespace flwrcpp::internal
