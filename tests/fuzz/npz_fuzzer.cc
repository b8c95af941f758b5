// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Datasets in `.npy` and `.npz` files. They are read from disk only, so an input becomes a file in
// a temporary folder.

#include <filesystem>
#include <fstream>

#include "flwrcpp/datasets/npy.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::fuzz {
namespace {

/// Above what mutations grow to, and below what a lying size should make us allocate.
constexpr std::uint64_t kMaxBytes = 1 << 20;

void CheckTable(const datasets::Table& table) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.num_rows(); ++row) rows.push_back(row);
  const auto same = table.Select(rows);
  Require(same.ok() && same->column_names() == table.column_names(), "all rows can be selected");
  for (const auto& column : same->columns()) {
    Require(datasets::NumRows(column.values) == table.num_rows(), "a column has a value a row");
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const testing::Json golden = testing::ReadGoldenJson("datasets.json");
  for (const auto& file : golden.at("npz")) {
    for (const char names : {'\1', '\3'}) seeds.push_back(names + testing::FromHex(file));
  }
  for (const auto& file : golden.at("npy")) {
    seeds.push_back('\0' + testing::FromHex(file.at("hex")));
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  // One folder for all inputs: making it would take longer than reading.
  static const flwrcpp::testing::TempDir directory;
  const std::string path = directory.File("file");
  fuzz::InputReader reader(fuzz::AsText(data, size));
  const std::uint8_t choice = reader.Byte();
  // Some file systems wait for the disk when a file is emptied and written again.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << reader.Rest();
  std::vector<std::string> names;
  if (choice % 4 == 1) names = {"x_train", "y_train"};
  const auto table = choice % 2 == 0 ? datasets::ReadNpy(path, "a", fuzz::kMaxBytes)
                                     : datasets::ReadNpz(path, names, fuzz::kMaxBytes);
  if (table.ok()) fuzz::CheckTable(*table);
  return 0;
}
