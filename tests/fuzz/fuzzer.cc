// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzzer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace flwrcpp::fuzz {

void Require(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", claim);
  std::abort();
}

std::uint8_t InputReader::Byte() {
  if (rest_.empty()) return 0;
  const auto byte = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return byte;
}

std::string_view InputReader::Piece() {
  const std::size_t low = Byte();
  const std::size_t high = Byte();
  const std::size_t size = std::min(low | high << 8, rest_.size());
  const std::string_view piece = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return piece;
}

std::string_view InputReader::Rest() {
  const std::string_view rest = rest_;
  rest_ = {};
  return rest;
}

std::string MakePiece(std::string_view bytes) {
  std::string piece;
  piece += static_cast<char>(bytes.size() & 255);
  piece += static_cast<char>(bytes.size() >> 8 & 255);
  return piece.append(bytes);
}

void WriteSeeds(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const std::vector<std::string> seeds = Seeds();
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream(folder + "/seed-" + std::to_string(i), std::ios::binary) << seeds[i];
  }
}

}  // namespace flwrcpp::fuzz
