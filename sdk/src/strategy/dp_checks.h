// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cmath>

#include "flwrcpp/status.h"
#include "internal/errors.h"

/// Checks of options that all differential-privacy wrappers have in common.
namespace flwrcpp::internal {

inline Status CheckAboveZero(const char* name, double value) {
  if (std::isnormal(value) && value > 0) return absl::OkStatus();
  return InvalidArgument("{} is {}, expected a number above 0", name, value);
}

/// NaN is what options without a default hold until they are given one.
inline Status CheckNotNegative(const char* name, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  if (std::isnan(value)) {
    return InvalidArgument("{} is missing or no number, expected one of at least 0", name);
  }
  return InvalidArgument("{} is {}, expected a number of at least 0", name, value);
}

inline Status CheckNumSampledClients(int number) {
  if (number > 0) return absl::OkStatus();
  return InvalidArgument("num_sampled_clients is {}, expected at least 1", number);
}

}  // namespace flwrcpp::internal
