// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

namespace flwrcpp::internal {

/// Memory for bytes that are written once: chunks, bodies, arrays. Not initialised, aligned to 64
/// bytes. Large blocks come from the system directly, in huge pages where it has them: malloc would
/// touch models page by page, and keep their chunks by the hundred. One that is freed is kept for
/// the next one of its size: the chunks of a model come and go in each round, and what the system
/// gives has to be cleared, or even to be got from the host of a virtual machine first. Kept blocks
/// never make a process larger than the blocks in use have been at a time, and go back to the
/// system after some seconds. Thread-safe.
/// @return null when there is no memory.
std::shared_ptr<char[]> AllocateBlock(std::size_t size);

/// Gives freed blocks back to the system that nobody wanted for `unused_for`. AllocateBlock does it
/// by the way; to be called from time to time where a process may come to rest. Thread-safe.
void GiveBackFreeBlocks(std::chrono::steady_clock::duration unused_for = std::chrono::seconds(5));

}  // namespace flwrcpp::internal
