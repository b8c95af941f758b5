// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/masked_arrays.h"

#include <openssl/crypto.h>

#include <bit>
#include <cstddef>
#include <limits>
#include <random>

#include "internal/errors.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr std::size_t kWordBytes = 4;

std::uint32_t FoldSeed(std::string_view seed) {
  std::uint32_t folded = 0;
  for (std::size_t i = 0; i < seed.size(); ++i) {
    folded ^= static_cast<std::uint32_t>(static_cast<unsigned char>(seed[i]))
              << (8 * (i % kWordBytes));
  }
  return folded;
}

/// NumPy's bounded integers: bits are drawn until they make a number that is not above the bound.
class BoundedIntegers {
 public:
  BoundedIntegers(std::uint32_t seed, std::uint64_t last)
      : twister_(seed), last_(last), mask_(~std::uint64_t{0} >> std::countl_zero(last)) {}
  ~BoundedIntegers() { OPENSSL_cleanse(&twister_, sizeof twister_); }
  BoundedIntegers(const BoundedIntegers&) = delete;
  BoundedIntegers& operator=(const BoundedIntegers&) = delete;

  /// `is_wide`: the bound has more than 32 bits.
  template <bool is_wide>
  std::uint64_t Next() {
    for (;;) {
      std::uint64_t bits = twister_();
      if constexpr (is_wide) bits = bits << 32 | twister_();
      bits &= mask_;
      if (bits <= last_) return bits;
    }
  }

 private:
  std::mt19937 twister_;
  const std::uint64_t last_;
  const std::uint64_t mask_;
};

template <bool is_wide>
void Add(BoundedIntegers& numbers, MaskSign sign, MaskedArrays& arrays) {
  for (std::vector<std::uint64_t>& array : arrays) {
    for (std::uint64_t& element : array) {
      const std::uint64_t number = numbers.Next<is_wide>();
      element += sign == MaskSign::kPlus ? number : 0 - number;
    }
  }
}

}  // namespace

Status AddMask(std::string_view seed, std::uint64_t mod_range, MaskSign sign,
               MaskedArrays& arrays) {
  if (seed.empty() || seed.size() % kWordBytes != 0) {
    return InvalidArgument("the seed of a mask has {} bytes, expected a multiple of {}",
                           seed.size(), kWordBytes);
  }
  const std::uint64_t last = mod_range - 2;
  BoundedIntegers numbers(FoldSeed(seed), last);
  if (last > std::numeric_limits<std::uint32_t>::max()) {
    Add<true>(numbers, sign, arrays);
  } else {
    Add<false>(numbers, sign, arrays);
  }
  return absl::OkStatus();
}

void Reduce(std::uint64_t mod_range, MaskedArrays& arrays) {
  for (std::vector<std::uint64_t>& array : arrays) {
    for (std::uint64_t& element : array) element &= mod_range - 1;
  }
}

}  // namespace flwrcpp::internal::secagg
