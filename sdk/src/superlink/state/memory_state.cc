// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "superlink/state/state.h"

namespace flwrcpp::internal {

State MakeMemoryState() {
  return {MakeMemoryLinkState(), MakeMemoryObjectStore(), MakeMemoryRunArchive()};
}

}  // namespace flwrcpp::internal
