// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <exception>
#include <type_traits>

#include "internal/errors.h"

namespace flwrcpp::internal {

/// Calls a function of the application, which returns Status, StatusOr or nothing. An exception
/// ends here: it becomes `kInternal` with `what` (who threw) and its text.
template <typename Function>
auto CatchExceptions(const char* what, Function&& function) {
  using Returned = std::invoke_result_t<Function>;
  using Result = std::conditional_t<std::is_void_v<Returned>, Status, Returned>;
  try {
    if constexpr (std::is_void_v<Returned>) {
      function();
      return Result();
    } else {
      return Result(function());
    }
  } catch (const std::exception& exception) {
    return Result(MakeError(StatusCode::kInternal, "{} threw: {}", what, exception.what()));
  } catch (...) {
    return Result(
        MakeError(StatusCode::kInternal, "{} threw something that is no exception", what));
  }
}

}  // namespace flwrcpp::internal
