// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// CSV files, and the images of what is counted in them.

#include "flwrcpp/datasets/csv.h"
#include "flwrcpp/datasets/metrics.h"
#include "flwrcpp/datasets/visualization.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

void CheckColumn(const datasets::Table& table, const datasets::Table::NamedColumn& column) {
  Require(datasets::NumRows(column.values) == table.num_rows(), "a column has a value a row");
  datasets::Partitions partitions(2);
  for (std::size_t row = 0; row < table.num_rows(); ++row) partitions[row % 2].push_back(row);
  const auto counts = datasets::ComputeCounts(column.values, partitions, {});
  Require(counts.ok(), "what was read can be counted");
  std::int64_t sum = 0;
  for (const auto& row : counts->counts) {
    for (const std::int64_t count : row) sum += count;
  }
  Require(sum <= static_cast<std::int64_t>(table.num_rows()), "a row counts once");
  if (counts->labels.empty() || counts->labels.size() > 20) return;
  Require(datasets::PlotLabelDistributions(*counts, {.legend = true}).ok(),
          "what was counted can be drawn");
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const testing::Json golden = testing::ReadGoldenJson("datasets.json");
  for (const auto& golden_case : golden.at("csv")) {
    for (const char options : {'\0', '\1'}) {
      seeds.push_back(options + golden_case.at("text").get<std::string>());
    }
  }
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  fuzz::InputReader reader(fuzz::AsText(data, size));
  datasets::CsvOptions options;
  const std::uint8_t choice = reader.Byte();
  options.has_header = choice % 2 == 0;
  if (choice % 8 >= 6) options.delimiter = static_cast<char>(choice / 2);
  options.max_columns = 50;
  const auto table = datasets::ParseCsv(reader.Rest(), "input", options);
  if (!table.ok()) return 0;
  for (const auto& column : table->columns()) fuzz::CheckColumn(*table, column);
  return 0;
}
