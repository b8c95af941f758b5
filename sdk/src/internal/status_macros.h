// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwrcpp/status.h"

#define FLWRCPP_RETURN_IF_ERROR(expression)            \
  do {                                                 \
    ::flwrcpp::Status flwrcpp_status_ = (expression);  \
    if (!flwrcpp_status_.ok()) return flwrcpp_status_; \
  } while (false)

#define FLWRCPP_CONCAT_INNER_(a, b) a##b
#define FLWRCPP_CONCAT_(a, b) FLWRCPP_CONCAT_INNER_(a, b)
#define FLWRCPP_ASSIGN_OR_RETURN_(holder, target, expression) \
  auto holder = (expression);                                 \
  if (!holder.ok()) return std::move(holder).status();        \
  target = *std::move(holder)

/// FLWRCPP_ASSIGN_OR_RETURN(auto x, F()): the value of a StatusOr, or return its status.
#define FLWRCPP_ASSIGN_OR_RETURN(target, expression) \
  FLWRCPP_ASSIGN_OR_RETURN_(FLWRCPP_CONCAT_(flwrcpp_holder_, __LINE__), target, expression)
