// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "internal/errors.h"
#include "superlink/state/run_archive.h"
#include "superlink/state/state_rules.h"

namespace flwrcpp::internal {
namespace {

class MemoryRunArchive final : public RunArchive {
 public:
  Status StoreFab(const std::string& hash, const Bytes& content) override {
    const std::lock_guard lock(mutex_);
    fabs_.try_emplace(hash, content);
    return absl::OkStatus();
  }

  StatusOr<Bytes> GetFab(const std::string& hash) override {
    const std::lock_guard lock(mutex_);
    const auto found = fabs_.find(hash);
    if (found == fabs_.end()) return UnknownFab(hash);
    return found->second;
  }

  Status AppendLog(std::uint64_t run_id, const std::string& text, double now) override {
    if (text.empty()) return absl::OkStatus();
    const std::lock_guard lock(mutex_);
    RunLog& log = logs_[run_id];
    if (log.bytes > kMaxLogBytes) return absl::OkStatus();
    log.bytes += text.size();
    const double time = NextLogTime(log.entries.empty() ? 0 : log.entries.back().time, now);
    log.entries.push_back({time, log.bytes > kMaxLogBytes ? std::string(kLogIsFull) : text});
    return absl::OkStatus();
  }

  StatusOr<LogPart> ReadLog(std::uint64_t run_id, double after) override {
    const std::lock_guard lock(mutex_);
    LogPart part;
    const auto log = logs_.find(run_id);
    if (log == logs_.end()) return part;
    const std::vector<LogEntry>& entries = log->second.entries;
    auto entry = std::upper_bound(entries.begin(), entries.end(), after,
                                  [](double time, const LogEntry& e) { return time < e.time; });
    for (; entry != entries.end() && part.text.size() < kLogPartBytes; ++entry) {
      part.text += entry->text;
      part.latest_timestamp = entry->time;
    }
    return part;
  }

  Status StoreContext(std::uint64_t series_id, const std::string& context) override {
    const std::lock_guard lock(mutex_);
    contexts_[series_id] = context;
    return absl::OkStatus();
  }

  StatusOr<std::string> GetContext(std::uint64_t series_id) override {
    const std::lock_guard lock(mutex_);
    const auto found = contexts_.find(series_id);
    if (found == contexts_.end()) return UnknownContext(series_id);
    return found->second;
  }

  Status UseNonce(const std::string& nonce, double expires_at, double now) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(nonces_, [now](const auto& used) { return used.second <= now; });
    if (nonces_.try_emplace(nonce, expires_at).second) return absl::OkStatus();
    return NonceUsed();
  }

 private:
  struct LogEntry {
    double time = 0;
    std::string text;
  };
  struct RunLog {
    std::vector<LogEntry> entries;
    std::size_t bytes = 0;
  };

  std::mutex mutex_;
  std::unordered_map<std::string, Bytes> fabs_;
  std::unordered_map<std::uint64_t, RunLog> logs_;
  std::unordered_map<std::uint64_t, std::string> contexts_;
  std::unordered_map<std::string, double> nonces_;
};

}  // namespace

std::unique_ptr<RunArchive> MakeMemoryRunArchive() { return std::make_unique<MemoryRunArchive>(); }

}  // namespace flwrcpp::internal
