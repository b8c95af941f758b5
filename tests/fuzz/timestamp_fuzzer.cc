// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Timestamps of signed calls.

#include <cmath>

#include "crypto/node_auth.h"
#include "tests/fuzz/fuzzer.h"

namespace flwrcpp::fuzz {

std::vector<std::string> Seeds() {
  return {"2025-06-15T15:06:40.250000+00:00",
          "2025-06-15T15:06:40+00:00",
          "2024-02-29 23:59:59,9-11:30",
          "0001-01-01T00:00:00.1+0100",
          "9999-12-31T23:59:59Z",
          "2025-06-15T15:06:40"};
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  const StatusOr<double> time = internal::ParseTimestamp(fuzz::AsText(data, size));
  if (!time.ok()) return 0;
  Require(std::isfinite(*time), "a timestamp is a number");
  // An offset can lead out of the four-digit years at either end.
  if (*time < -62135596800.0 || *time >= 253402300799.0) return 0;
  const StatusOr<double> again = internal::ParseTimestamp(internal::FormatTimestamp(*time));
  Require(again.ok(), "a timestamp written again can be read");
  // A double holds the year 9999 to 30 microseconds.
  Require(std::abs(*again - *time) < 1e-4, "a timestamp written again is the same time");
  return 0;
}
