// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// `kInternal` for an exception that a handler threw.
Status HandlerException(std::string_view type, std::string_view text);

/// The error reply for a handler's failure, with a reason in the shape that Flower's own nodes
/// give it: `<class 'TYPE'>:<'TEXT'>`.
Error HandlerError(const Status& status);

}  // namespace flwrcpp::internal
