// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sha256_side_by_side.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>

#include "crypto/encoding.h"
#include "crypto/sha256.h"

namespace flwrcpp::internal {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::array<std::uint32_t, kSha256StateWords> kInitialState = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void StoreBigEndian(std::uint64_t value, std::span<std::uint8_t> out) {
  for (std::size_t i = out.size(); i-- > 0; value >>= 8) out[i] = static_cast<std::uint8_t>(value);
}

/// One input on its way through a kernel: as runs of blocks, which lie in the input itself where
/// they can. Stays where it is, for runs may point into it.
class Lane {
 public:
  void Begin(std::size_t index, const HashInput& input) {
    index_ = index;
    state_ = kInitialState;
    size_ = input.head.size() + input.body.size();
    rest_ = input.head;
    body_ = input.body;
    buffered_ = 0;
    padded_ = false;
    NextRun();
  }

  std::size_t index() const { return index_; }
  std::uint32_t* state() { return state_.data(); }
  const std::uint8_t* next() const { return next_; }
  /// Of the run. 0: there are no more.
  std::size_t blocks() const { return blocks_; }

  /// Goes on behind `count` blocks of the run.
  void Advance(std::size_t count) {
    next_ += count * kSha256Block;
    blocks_ -= count;
    if (blocks_ == 0 && !padded_) NextRun();
  }

  std::string HexDigest() const {
    std::array<std::uint8_t, kSha256StateWords * sizeof(std::uint32_t)> digest;
    for (std::size_t i = 0; i < state_.size(); ++i) {
      StoreBigEndian(state_[i], std::span(digest).subspan(i * sizeof(std::uint32_t), 4));
    }
    return HexEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }

 private:
  void NextRun() {
    while (true) {
      if (buffered_ == 0 && rest_.size() >= kSha256Block) {
        SetRun(reinterpret_cast<const std::uint8_t*>(rest_.data()), rest_.size() / kSha256Block);
        rest_.remove_prefix(blocks_ * kSha256Block);
        return;
      }
      const std::size_t taken = std::min(kSha256Block - buffered_, rest_.size());
      if (taken > 0) std::memcpy(buffer_.data() + buffered_, rest_.data(), taken);
      rest_.remove_prefix(taken);
      buffered_ += taken;
      if (buffered_ == kSha256Block) {
        buffered_ = 0;
        SetRun(buffer_.data(), 1);
        return;
      }
      if (body_.empty()) break;
      rest_ = std::exchange(body_, {});
    }
    Pad();
  }

  /// The rest with a one bit, zeros, and the length in bits at the end of a block.
  void Pad() {
    padded_ = true;
    buffer_[buffered_++] = 0x80;
    const std::size_t blocks = buffered_ + kLengthBytes <= kSha256Block ? 1 : 2;
    const auto length =
        std::span(buffer_).subspan(blocks * kSha256Block - kLengthBytes, kLengthBytes);
    std::fill(buffer_.begin() + buffered_, buffer_.end(), 0);
    StoreBigEndian(std::uint64_t{size_} * 8, length);
    SetRun(buffer_.data(), blocks);
  }

  void SetRun(const std::uint8_t* begin, std::size_t blocks) {
    next_ = begin;
    blocks_ = blocks;
  }

  std::size_t index_ = 0;
  std::array<std::uint32_t, kSha256StateWords> state_{};
  std::size_t size_ = 0;   // of the whole input
  std::string_view rest_;  // of the part that is being read
  std::string_view body_;  // if that part is the head
  std::array<std::uint8_t, 2 * kSha256Block> buffer_{};
  std::size_t buffered_ = 0;
  bool padded_ = false;
  const std::uint8_t* next_ = nullptr;
  std::size_t blocks_ = 0;
};

/// Takes as many of the lanes as far as the kernel can take them together.
void Step(const Sha256Kernel& kernel, std::span<Lane* const> lanes) {
  lanes = lanes.first(std::min(kernel.lanes, lanes.size()));
  std::array<std::uint32_t, kSha256StateWords> unused{};
  std::array<std::uint32_t*, kMostSha256Lanes> states;
  std::array<const std::uint8_t*, kMostSha256Lanes> blocks;
  states.fill(unused.data());
  blocks.fill(lanes.front()->next());
  std::size_t count = lanes.front()->blocks();
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    states[i] = lanes[i]->state();
    blocks[i] = lanes[i]->next();
    count = std::min(count, lanes[i]->blocks());
  }
  kernel.compress(states.data(), blocks.data(), count);
  for (Lane* const lane : lanes) lane->Advance(count);
}

}  // namespace

std::vector<std::string> Sha256OfEach(std::span<const HashInput> inputs) {
  return Sha256OfEach(inputs, Sha256Kernels());
}

std::vector<std::string> Sha256OfEach(std::span<const HashInput> inputs,
                                      std::span<const Sha256Kernel> kernels) {
  std::vector<std::string> digests(inputs.size());
  if (kernels.empty()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Sha256 hash;
      hash.Update(inputs[i].head);
      hash.Update(inputs[i].body);
      digests[i] = hash.HexDigest();
    }
    return digests;
  }

  // Long ones first, so that those that go together end together.
  std::vector<std::size_t> order(inputs.size());
  std::iota(order.begin(), order.end(), 0);
  const auto size = [&](std::size_t i) { return inputs[i].head.size() + inputs[i].body.size(); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });

  std::vector<Lane> lanes(std::min(kernels.front().lanes, inputs.size()));
  std::vector<Lane*> active;
  auto next = order.begin();
  for (Lane& lane : lanes) {
    lane.Begin(*next, inputs[*next]);
    ++next;
    active.push_back(&lane);
  }
  while (!active.empty()) {
    const auto kernel = std::find_if(kernels.begin(), kernels.end(), [&](const Sha256Kernel& one) {
      return one.least <= active.size();
    });
    Step(*kernel, active);
    std::erase_if(active, [&](Lane* lane) {
      if (lane->blocks() > 0) return false;
      digests[lane->index()] = lane->HexDigest();
      if (next == order.end()) return true;
      lane->Begin(*next, inputs[*next]);
      ++next;
      return false;
    });
  }
  return digests;
}

}  // namespace flwrcpp::internal
