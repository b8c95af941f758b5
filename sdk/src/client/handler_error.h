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

/// `text` with `?` for each byte that is not part of valid UTF-8: a peer in Python cannot read a
/// message with such text in it, and texts of exceptions can be anything.
std::string ToUtf8(std::string text);

}  // namespace flwrcpp::internal
