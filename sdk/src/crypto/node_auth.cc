// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/node_auth.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>

#include "internal/errors.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kMaxTimestamp = 64;

/// Takes fields off the front of a timestamp.
class TimestampReader {
 public:
  explicit TimestampReader(std::string_view text) : rest_(text) {}

  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// A number of exactly `digits` digits up to `max`.
  bool Number(std::size_t digits, int max, int& value) {
    if (rest_.size() < digits) return false;
    value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!IsDigit(rest_[i])) return false;
      value = 10 * value + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value <= max;
  }

  /// Digits after a decimal point; at least one.
  bool Fraction(double& value) {
    double scale = 1;
    value = 0;
    while (!rest_.empty() && IsDigit(rest_[0])) {
      scale /= 10;
      value += scale * (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    return scale < 1;
  }

  bool done() const { return rest_.empty(); }

 private:
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
};

/// `+HH`, `+HHMM`, `+HH:MM` or `Z` to seconds east of Greenwich.
bool ReadOffset(TimestampReader& reader, int& seconds) {
  seconds = 0;
  if (reader.Take('Z')) return true;
  const bool west = reader.Take('-');
  if (!west && !reader.Take('+')) return false;
  int hours = 0;
  int minutes = 0;
  if (!reader.Number(2, 23, hours)) return false;
  if (!reader.done()) {
    reader.Take(':');
    if (!reader.Number(2, 59, minutes)) return false;
  }
  seconds = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

}  // namespace

std::string FormatTimestamp(double unix_seconds) {
  using std::chrono::days;
  using std::chrono::microseconds;
  const std::chrono::sys_time<microseconds> time(microseconds(std::llround(unix_seconds * 1e6)));
  const auto midnight = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

StatusOr<double> ParseTimestamp(std::string_view text) {
  const auto refused = [&](std::string_view why) -> Status {
    return InvalidArgument("timestamp '{}' {}", text.substr(0, kMaxTimestamp), why);
  };
  if (text.size() > kMaxTimestamp) return refused("is too long");

  TimestampReader reader(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool is_date = reader.Number(4, 9999, year) && reader.Take('-') &&
                       reader.Number(2, 12, month) && reader.Take('-') &&
                       reader.Number(2, 31, day) && (reader.Take('T') || reader.Take(' '));
  const bool is_time = is_date && reader.Number(2, 23, hour) && reader.Take(':') &&
                       reader.Number(2, 59, minute) && reader.Take(':') &&
                       reader.Number(2, 59, second);
  double fraction = 0;
  if (!is_time || ((reader.Take('.') || reader.Take(',')) && !reader.Fraction(fraction))) {
    return refused("is not of the form YYYY-MM-DDTHH:MM:SS.ffffff+00:00");
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return refused("names a day that does not exist");
  int offset = 0;
  if (!ReadOffset(reader, offset) || !reader.done()) return refused("has no offset from UTC");

  const auto midnight = std::chrono::sys_days(date).time_since_epoch();
  const std::int64_t whole = std::chrono::duration_cast<std::chrono::seconds>(midnight).count() +
                             hour * 3600 + minute * 60 + second - offset;
  return static_cast<double>(whole) + fraction;
}

NodeCredentials SignNow(const EcPrivateKey& key, double now) {
  NodeCredentials credentials;
  credentials.public_pem = key.public_pem();
  credentials.timestamp = FormatTimestamp(now);
  credentials.signature = key.Sign(credentials.timestamp);
  return credentials;
}

Status CheckTimestamp(const std::string& timestamp, double now) {
  const StatusOr<double> stamp = ParseTimestamp(timestamp);
  if (!stamp.ok()) {
    return {StatusCode::kUnauthenticated, stamp.status().message()};
  }
  const double age = now - *stamp;
  if (!(age > node_auth::kMinAge && age < node_auth::kMaxAge)) {
    return MakeError(StatusCode::kUnauthenticated,
                     "timestamp is {:.1f} s old; accepted is more than {} and less than {} s", age,
                     node_auth::kMinAge, node_auth::kMaxAge);
  }
  return absl::OkStatus();
}

Status VerifyCredentials(const NodeCredentials& credentials, const EcPublicKey& key, double now) {
  if (Status status = CheckTimestamp(credentials.timestamp, now); !status.ok()) return status;
  if (!key.Verify(credentials.timestamp, credentials.signature)) {
    return MakeError(StatusCode::kUnauthenticated, "signature does not fit the public key");
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
