// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fmt/format.h>

#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Statuses with a formatted text. Debian's abseil takes no std::string_view, hence one place.
template <typename... Args>
Status MakeError(StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
}

/// `status` with "`where`: " before its text.
Status Annotate(const Status& status, const std::string& where);

}  // namespace flwrcpp::internal
