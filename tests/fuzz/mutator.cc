// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <array>

namespace flwrcpp::fuzz {
namespace {

constexpr std::size_t kMaxSize = 64 * 1024;
/// Bytes that end, escape or count something in one of the formats.
constexpr std::array<unsigned char, 16> kTelling = {0,    1,   '\n', ' ', '"',  '\'', ',',  '.',
                                                    '\\', '[', '{',  '0', 0x7f, 0x80, 0xfe, 0xff};

}  // namespace

std::size_t Mutator::Below(std::size_t bound) {
  // SplitMix64. The distributions of <random> differ between implementations.
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return bound == 0 ? 0 : static_cast<std::size_t>(z % bound);
}

std::string Mutator::Mutate(const std::vector<std::string>& corpus) {
  std::string input = corpus[Below(corpus.size())];
  const std::string& other = corpus[Below(corpus.size())];
  for (std::size_t changes = 1 + Below(4); changes > 0; --changes) Change(input, other);
  if (input.size() > kMaxSize) input.resize(kMaxSize);
  return input;
}

void Mutator::Change(std::string& input, const std::string& other) {
  const std::size_t place = Below(input.size());
  const std::size_t length = 1 + Below(Below(4) == 0 ? 64 : 4);
  switch (Below(8)) {
    case 0:  // flip a bit
      if (!input.empty()) input[place] = static_cast<char>(input[place] ^ (1 << Below(8)));
      break;
    case 1:  // replace a byte
      if (!input.empty()) input[place] = static_cast<char>(Below(256));
      break;
    case 2:
      if (!input.empty()) input[place] = static_cast<char>(kTelling[Below(kTelling.size())]);
      break;
    case 3:  // count up or down
      if (!input.empty()) input[place] = static_cast<char>(input[place] + (Below(2) == 0 ? 1 : -1));
      break;
    case 4:
      input.insert(place, length, static_cast<char>(kTelling[Below(kTelling.size())]));
      break;
    case 5:
      input.erase(place, length);
      break;
    case 6:  // repeat a part elsewhere
      input.insert(Below(input.size()), std::string(input, place, length));
      break;
    default: {  // take over a part of the other
      const std::size_t from = Below(other.size());
      input.replace(place, Below(2) == 0 ? 0 : length,
                    other.substr(from, 1 + Below(Below(4) == 0 ? other.size() : 32)));
    }
  }
}

}  // namespace flwrcpp::fuzz
