// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "flwrcpp/status.h"

namespace flwrcpp::testing {

inline const Status& GetStatus(const Status& status) { return status; }
template <typename T>
const Status& GetStatus(const StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << "whose status is " << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

/// Matches a Status or StatusOr by code.
MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << "whose status is " << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code;
}

/// Matches by code and a part of the text.
MATCHER_P2(StatusIs, code, text,
           "has code " + absl::StatusCodeToString(code) + " and a text with '" + text + "'") {
  *result_listener << "whose status is " << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         std::string(GetStatus(arg).message()).find(text) != std::string::npos;
}

}  // namespace flwrcpp::testing
