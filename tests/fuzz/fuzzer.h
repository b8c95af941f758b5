// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What each fuzzer defines: feeds one input to its subject. By libFuzzer's convention it returns
/// 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace flwrcpp::fuzz {

/// What each fuzzer defines: inputs that its subject accepts, to be mutated.
std::vector<std::string> Seeds();

/// Ends the process as a crash does, naming `claim`, unless it `holds`.
void Require(bool holds, const char* claim);

inline std::string_view AsText(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes an input of several parts apart. At the end of the input it gives zeros and empty pieces.
class InputReader {
 public:
  explicit InputReader(std::string_view input) : rest_(input) {}

  std::uint8_t Byte();
  /// As many bytes as the two before them say, or what is left.
  std::string_view Piece();
  /// All that is left.
  std::string_view Rest();
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// The form in which `InputReader::Piece()` finds `bytes`, at most 65535.
std::string MakePiece(std::string_view bytes);

/// Writes each seed to a file of its own in `folder`, where libFuzzer begins.
void WriteSeeds(const std::string& folder);

}  // namespace flwrcpp::fuzz
