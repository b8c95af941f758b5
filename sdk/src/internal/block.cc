// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/block.h"

#include <sys/mman.h>

#include <cstdint>
#include <limits>
#include <new>

namespace flwrcpp::internal {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// A sanitizer sees nothing of memory that it did not hand out.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kLargeBlock = std::numeric_limits<std::size_t>::max();
#else
constexpr std::size_t kLargeBlock = kHugePage;
#endif

std::shared_ptr<char[]> MapLargeBlock(std::size_t size) {
  if (size > std::numeric_limits<std::size_t>::max() - kHugePage) return nullptr;
  // Room to begin where a huge page begins; what is never touched costs nothing.
  const std::size_t mapped_size = size + kHugePage;
  void* const mapped =
      mmap(nullptr, mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const std::size_t over = reinterpret_cast<std::uintptr_t>(mapped) % kHugePage;
  char* const begin = static_cast<char*>(mapped) + (over == 0 ? 0 : kHugePage - over);
  // Not the rest of the block: it would take a whole huge page. An old kernel may say no.
  static_cast<void>(madvise(begin, size / kHugePage * kHugePage, MADV_HUGEPAGE));
  return {begin, [mapped, mapped_size](char* /*begin*/) { munmap(mapped, mapped_size); }};
}

}  // namespace

std::shared_ptr<char[]> AllocateBlock(std::size_t size) {
  if (size >= kLargeBlock) return MapLargeBlock(size);
  char* const block = static_cast<char*>(::operator new(size, kAlignment, std::nothrow));
  if (block == nullptr) return nullptr;
  return {block, [](char* small) { ::operator delete(small, kAlignment); }};
}

}  // namespace flwrcpp::internal
