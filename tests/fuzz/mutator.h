// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace flwrcpp::fuzz {

/// Changes inputs a little, in the same way everywhere for the same seed.
class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : state_(seed) {}

  /// One of `corpus` with a few changes; others of it lend their bytes.
  std::string Mutate(const std::vector<std::string>& corpus);

 private:
  /// A number below `bound`, 0 if that is 0.
  std::size_t Below(std::size_t bound);
  void Change(std::string& input, const std::string& other);

  std::uint64_t state_;
};

}  // namespace flwrcpp::fuzz
