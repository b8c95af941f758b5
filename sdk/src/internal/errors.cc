// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "internal/errors.h"

namespace flwrcpp::internal {

Status Annotate(const Status& status, const std::string& where) {
  if (status.ok()) return status;
  Status annotated(status.code(), where + ": " + std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace flwrcpp::internal
