// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace flwrcpp::internal {

/// Memory for bytes that are written once: chunks, bodies, arrays. Not initialised, aligned to 64
/// bytes. Large blocks come from the system directly, in huge pages where it has them, and go back
/// to it when they are freed: models come and go in chunks of some MiB, which malloc would keep by
/// the hundred and touch page by page.
/// @return null when there is no memory.
std::shared_ptr<char[]> AllocateBlock(std::size_t size);

}  // namespace flwrcpp::internal
