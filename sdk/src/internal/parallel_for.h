// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace flwrcpp::internal {

/// Threads worth having for one pass over `bytes` of memory: one for each core, but none for less
/// than some MiB. At least 1.
std::size_t ThreadsForBytes(std::size_t bytes);

/// Calls `work(i)` for each i below `count`, in up to `threads` threads of which the caller's is
/// one; in fewer where the system has no more. Returns when all is done. `work` must not throw.
void ParallelFor(std::size_t count, std::size_t threads,
                 const std::function<void(std::size_t)>& work);

}  // namespace flwrcpp::internal
