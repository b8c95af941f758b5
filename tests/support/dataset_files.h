// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace flwrcpp::testing {

/// A directory of its own for files of a dataset, removed at the end.
class DatasetDirectory {
 public:
  std::string path() const { return directory_.path().string(); }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_.File(name), std::ios::binary) << bytes;
  }
  void WriteGzip(const std::string& name, const std::string& bytes) const {
    gzFile file = gzopen(directory_.File(name).c_str(), "wb");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())),
              static_cast<int>(bytes.size()));
    gzclose(file);
  }

 private:
  TempDir directory_;
};

inline std::string BigEndian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

/// An IDX file of labels.
inline std::string IdxLabels(const std::vector<std::uint8_t>& labels) {
  return BigEndian(0x801) + BigEndian(static_cast<std::uint32_t>(labels.size())) +
         std::string(labels.begin(), labels.end());
}

/// An IDX file of `count` images; all bytes of image `i` are `i` modulo 256.
inline std::string IdxImages(std::uint32_t count, std::uint32_t height = 28,
                             std::uint32_t width = 28) {
  std::string bytes = BigEndian(0x803) + BigEndian(count) + BigEndian(height) + BigEndian(width);
  for (std::uint32_t i = 0; i < count; ++i) {
    bytes.append(std::size_t{height} * width, static_cast<char>(i & 0xFF));
  }
  return bytes;
}

/// CIFAR-10 records with these labels; the planes of image `i` hold `first + i`, plus 64 each.
inline std::string CifarBatch(const std::vector<std::uint8_t>& labels, int first) {
  std::string bytes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    bytes += static_cast<char>(labels[i]);
    for (int plane = 0; plane < 3; ++plane) {
      bytes.append(1024, static_cast<char>(first + static_cast<int>(i) + 64 * plane));
    }
  }
  return bytes;
}

}  // namespace flwrcpp::testing
