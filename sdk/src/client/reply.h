// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "flwrcpp/message.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A message in a log line.
std::string Describe(const Metadata& metadata);

/// The reply to `instruction` that a SuperLink will accept, made of what the ClientApp's handler
/// returned: with the metadata that belong to it, whatever the handler set. A failure is logged and
/// becomes an error reply.
/// @param now Unix seconds.
Message MakeReply(const Message& instruction, const StatusOr<Message>& handled, double now);

}  // namespace flwrcpp::internal
