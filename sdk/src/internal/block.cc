// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "internal/block.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>
#include <mutex>
#include <new>
#include <span>
#include <vector>

namespace flwrcpp::internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// A sanitizer sees nothing of memory that it did not hand out.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kLargeBlock = std::numeric_limits<std::size_t>::max();
#else
constexpr std::size_t kLargeBlock = std::size_t{1} << 20;
#endif

/// Memory that came from the system and has room for a large block.
struct Mapping {
  void* mapped = nullptr;
  std::size_t mapped_size = 0;
  char* begin = nullptr;     ///< Where a huge page begins.
  std::size_t capacity = 0;  ///< Bytes from there on.

  explicit operator bool() const { return mapped != nullptr; }
};

Mapping Map(std::size_t size) {
  if (size > std::numeric_limits<std::size_t>::max() - kHugePage) return {};
  Mapping mapping;
  // Room to begin where a huge page begins; what is never touched costs nothing.
  mapping.mapped_size = size + kHugePage;
  mapping.mapped = mmap(nullptr, mapping.mapped_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping.mapped == MAP_FAILED) return {};
  const std::size_t over = reinterpret_cast<std::uintptr_t>(mapping.mapped) % kHugePage;
  mapping.begin = static_cast<char*>(mapping.mapped) + (over == 0 ? 0 : kHugePage - over);
  mapping.capacity = size;
  // Not the rest of the block: it would take a whole huge page. An old kernel may say no.
  static_cast<void>(madvise(mapping.begin, size / kHugePage * kHugePage, MADV_HUGEPAGE));
  return mapping;
}

void Unmap(std::span<const Mapping> mappings) {
  for (const Mapping& mapping : mappings) munmap(mapping.mapped, mapping.mapped_size);
}

/// Mappings that were freed, to be used again. Thread-safe.
class FreeMappings {
 public:
  void Add(const Mapping& mapping) {
    const std::lock_guard lock(mutex_);
    free_.push_back({mapping, Clock::now()});
    any_ = true;
  }

  /// @return one with room for `size`, but not for much more, or none. Then as much as that goes
  ///   back to the system, so that the process does not grow by what is about to come from there.
  Mapping Take(std::size_t size) {
    std::vector<Mapping> given_back;
    Mapping found;
    {
      const std::lock_guard lock(mutex_);
      const auto newest = std::find_if(free_.rbegin(), free_.rend(), [&](const Free& free) {
        const std::size_t capacity = free.mapping.capacity;
        return capacity >= size && capacity - size <= size / kMostWaste;
      });
      if (newest != free_.rend()) {
        found = newest->mapping;
        free_.erase(std::next(newest).base());
      } else {
        std::size_t freed = 0;
        given_back = TakeOldestWhile([&](const Free& free) {
          if (freed >= size) return false;
          freed += free.mapping.capacity;
          return true;
        });
      }
      any_ = !free_.empty();
    }
    Unmap(given_back);
    return found;
  }

  void GiveBack(Clock::duration unused_for) {
    if (!any_) return;  // for each small block, too
    std::vector<Mapping> given_back;
    {
      const std::lock_guard lock(mutex_);
      const Clock::time_point limit = Clock::now() - unused_for;
      given_back = TakeOldestWhile([&](const Free& free) { return free.since <= limit; });
      any_ = !free_.empty();
    }
    Unmap(given_back);
  }

 private:
  struct Free {
    Mapping mapping;
    Clock::time_point since;
  };

  /// At most this part of a block stays unused.
  static constexpr std::size_t kMostWaste = 8;

  template <typename Condition>
  std::vector<Mapping> TakeOldestWhile(const Condition& condition) {
    std::vector<Mapping> taken;
    auto end = free_.begin();
    for (; end != free_.end() && condition(*end); ++end) taken.push_back(end->mapping);
    free_.erase(free_.begin(), end);
    return taken;
  }

  std::mutex mutex_;
  std::vector<Free> free_;  // the oldest first
  std::atomic<bool> any_ = false;
};

/// Is never destroyed: static objects may hold blocks until the very end.
FreeMappings& Freed() {
  static FreeMappings* const mappings = new FreeMappings;
  return *mappings;
}

std::shared_ptr<char[]> AllocateLargeBlock(std::size_t size) {
  Mapping mapping = Freed().Take(size);
  if (!mapping) mapping = Map(size);
  if (!mapping) return nullptr;
  return {mapping.begin, [mapping](char* /*begin*/) { Freed().Add(mapping); }};
}

}  // namespace

std::shared_ptr<char[]> AllocateBlock(std::size_t size) {
  GiveBackFreeBlocks();
  if (size >= kLargeBlock) return AllocateLargeBlock(size);
  char* const block = static_cast<char*>(::operator new(size, kAlignment, std::nothrow));
  if (block == nullptr) return nullptr;
  return {block, [](char* small) { ::operator delete(small, kAlignment); }};
}

void GiveBackFreeBlocks(std::chrono::steady_clock::duration unused_for) {
  Freed().GiveBack(unused_for);
}

}  // namespace flwrcpp::internal
