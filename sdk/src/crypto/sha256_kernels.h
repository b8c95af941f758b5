// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace flwrcpp::internal {

inline constexpr std::size_t kSha256Block = 64;      ///< Bytes.
inline constexpr std::size_t kSha256StateWords = 8;  ///< Of the state between two blocks.
inline constexpr std::size_t kMostSha256Lanes = 16;  ///< Of any kernel.

/// The compression function of SHA-256 for several messages side by side.
struct Sha256Kernel {
  std::size_t lanes = 0;  ///< Messages that it takes.
  /// Least number of messages for which it is used. It is given `lanes` all the same.
  std::size_t least = 0;
  /// Feeds `count` blocks from each of `blocks`, at any address, into the state of the same index.
  void (*compress)(std::uint32_t* const* states, const std::uint8_t* const* blocks,
                   std::size_t count) = nullptr;
};

/// Those that this processor can run, the one with the most lanes first; the last one has one
/// lane. None for a processor without instructions for SHA-256, where OpenSSL knows best.
std::span<const Sha256Kernel> RunnableSha256Kernels();

/// Those of them that are worth it, in the same order; `least` is measured on the first call. 16
/// lanes of AVX-512 are 1.6 times as fast as the SHA instructions on Zen 5, but slower than these
/// on Zen 4, and no flag tells. Thread-safe.
std::span<const Sha256Kernel> Sha256Kernels();

}  // namespace flwrcpp::internal
