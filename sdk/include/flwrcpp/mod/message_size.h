// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flwrcpp/client_app.h"

namespace flwrcpp {

/// Logs the size in bytes of each message on its way in and of its reply: the data of arrays, 8 for
/// a number, 1 for a bool, the length of texts, and the length of all keys. Messages and replies go
/// through unchanged. (`flwr.clientapp.mod.message_size_mod`)
Mod MessageSizeMod();

/// Logs the number of elements and the size in bytes of each ArrayRecord of a message and of its
/// reply, and the size of all together. Messages and replies go through unchanged.
/// (`flwr.clientapp.mod.arrays_size_mod`)
Mod ArraysSizeMod();

}  // namespace flwrcpp
