// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "program/log.h"

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <utility>

namespace flwrcpp::program {
namespace {

namespace fs = std::filesystem;

constexpr char kLogger[] = "flwrcpp";

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// A file that is put aside as FILE.1 after some hours, and FILE.1 as FILE.2 and so on. spdlog's
/// own sinks rotate by size, by day or each hour only.
class RotatingFile final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit RotatingFile(const LogOptions& options)
      : path_(options.file),
        interval_(options.rotation_interval_hours),
        backups_(options.rotation_backup_count) {
    // A file that an earlier start began keeps its age, as well as the system tells it.
    std::error_code error;
    const auto written = fs::last_write_time(path_, error);
    began_ = std::chrono::system_clock::now();
    if (!error) began_ += written - fs::file_time_type::clock::now();
    Open();
  }

  bool is_open() const { return file_.is_open(); }

 private:
  void Open() { file_.open(path_, std::ios::app); }

  void Rotate() {
    file_.close();
    std::error_code ignored;
    const auto backup = [&](int number) { return fs::path(path_ + fmt::format(".{}", number)); };
    for (int i = backups_; i > 1; --i) fs::rename(backup(i - 1), backup(i), ignored);
    fs::rename(path_, backup(1), ignored);
    Open();
    began_ = std::chrono::system_clock::now();
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    if (message.time - began_ >= interval_) Rotate();
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
  }

  void flush_() override { file_.flush(); }

  const std::string path_;
  const std::chrono::hours interval_;
  const int backups_;
  std::chrono::system_clock::time_point began_;
  std::ofstream file_;
};

}  // namespace

Status StartLog(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks = {std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  sinks[0]->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  if (!options.file.empty()) {
    const auto file = std::make_shared<RotatingFile>(options);
    if (!file->is_open()) {
      return Status(StatusCode::kUnavailable,
                    fmt::format("cannot write the log file {}", options.file));
    }
    file->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    sinks.push_back(file);
  }
  const auto logger = std::make_shared<spdlog::logger>(kLogger, sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::from_str(options.level));
  spdlog::drop(kLogger);
  spdlog::register_logger(logger);
  // protobuf would write to stderr by itself, a line for each text of a peer that is no UTF-8.
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int,
                                     const std::string& line) { LogLine(LogLevel::kDebug, line); });
  SetLogSink(
      [logger](LogLevel level, std::string_view line) { logger->log(ToSpdlog(level), line); });
  return absl::OkStatus();
}

void LogLine(LogLevel level, const std::string& line) {
  if (const auto logger = spdlog::get(kLogger)) logger->log(ToSpdlog(level), line);
}

}  // namespace flwrcpp::program
