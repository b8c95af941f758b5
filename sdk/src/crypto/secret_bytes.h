// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace flwrcpp::internal {

/// Overwrites memory before it gives it back.
template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename U>
  explicit WipingAllocator(const WipingAllocator<U>& /*other*/) {}

  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* data, std::size_t count) {
    OPENSSL_cleanse(data, count * sizeof(T));
    std::allocator<T>().deallocate(data, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// Bytes that are overwritten when they are let go, wherever a growing or moved-from vector had
/// them. A vector and no string, for short strings lie in the object itself.
using SecretBytes = std::vector<char, WipingAllocator<char>>;

inline SecretBytes ToSecret(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }
inline std::string_view AsView(const SecretBytes& secret) { return {secret.data(), secret.size()}; }

}  // namespace flwrcpp::internal
