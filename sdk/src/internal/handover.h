// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>  // defines _GLIBCXX_TSAN

// Our ThreadSanitizer build hides the compiler's macro (cmake/FlwrcppTarget.cmake) but not this.
#ifdef _GLIBCXX_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace flwrcpp::internal {

// gRPC calls a reactor from several threads, one after the other. ThreadSanitizer cannot see that
// order, for the library is not instrumented. So we tell it: what one of its threads did before
// `HandOver` has happened for the one that calls `TakeOver`. Without it, these do nothing.

inline void HandOver([[maybe_unused]] void* reactor) {
#ifdef _GLIBCXX_TSAN
  __tsan_release(reactor);
#endif
}

inline void TakeOver([[maybe_unused]] void* reactor) {
#ifdef _GLIBCXX_TSAN
  __tsan_acquire(reactor);
#endif
}

}  // namespace flwrcpp::internal
