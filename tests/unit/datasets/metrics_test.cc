// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::ReadGoldenJson;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Partitions ConsecutivePartitions(const std::vector<std::size_t>& sizes) {
  Partitions partitions;
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    std::vector<std::size_t>& rows = partitions.emplace_back(size);
    std::iota(rows.begin(), rows.end(), begin);
    begin += size;
  }
  return partitions;
}

Column GoldenColumn(const Json& golden_case) {
  const Json& values = golden_case.at("values");
  if (golden_case.at("type") == "int64") return values.get<std::vector<std::int64_t>>();
  if (golden_case.at("type") == "double") return values.get<std::vector<double>>();
  return values.get<std::vector<std::string>>();
}

/// Python writes whole real numbers with a point.
std::string PythonText(const std::string& label, const std::string& type) {
  return type == "double" && label.find('.') == std::string::npos ? label + ".0" : label;
}

TEST(ComputeCounts, AreThoseOfFlwrDatasetsAndSoAreFrequencies) {
  const Json golden = ReadGoldenJson("datasets.json").at("counts");
  const Partitions partitions =
      ConsecutivePartitions(golden.at("sizes").get<std::vector<std::size_t>>());
  ASSERT_THAT(golden.at("cases"), SizeIs(3));
  for (const Json& golden_case : golden.at("cases")) {
    const auto type = golden_case.at("type").get<std::string>();
    SCOPED_TRACE(type);

    const auto counts = ComputeCounts(GoldenColumn(golden_case), partitions, {});

    ASSERT_THAT(counts, IsOk());
    ASSERT_EQ(counts->labels.size(), golden_case.at("counts").size());
    ASSERT_EQ(counts->counts.size(), partitions.size());
    const LabelFrequencies frequencies = ComputeFrequencies(*counts);
    for (std::size_t label = 0; label < counts->labels.size(); ++label) {
      const std::string name = PythonText(counts->labels[label], type);
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        EXPECT_EQ(counts->counts[i][label],
                  golden_case.at("counts").at(name)[i].get<std::int64_t>());
        EXPECT_EQ(frequencies.frequencies[i][label],
                  golden_case.at("frequencies").at(name)[i].get<double>());
      }
    }
  }
}

TEST(ComputeCounts, NamesClassesAsFlwrDatasetsDoes) {
  const Json golden = ReadGoldenJson("datasets.json").at("counts").at("named");
  CountOptions options;
  options.label_names = golden.at("names").get<std::vector<std::string>>();
  options.max_num_partitions = 1;

  const auto counts = ComputeCounts(golden.at("values").get<std::vector<std::int64_t>>(),
                                    ConsecutivePartitions({6, 6}), options);

  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->labels, options.label_names);
  ASSERT_THAT(counts->counts, SizeIs(1));
  for (std::size_t i = 0; i < counts->labels.size(); ++i) {
    EXPECT_EQ(counts->counts[0][i],
              golden.at("counts").at(counts->labels[i])[0].get<std::int64_t>());
  }
}

TEST(ComputeCounts, OrdersLabelsByTheirValues) {
  const auto numbers = ComputeCounts(std::vector<std::int64_t>{10, 9, -1}, {{0}}, {});
  ASSERT_THAT(numbers, IsOk());
  EXPECT_THAT(numbers->labels, ElementsAre("-1", "9", "10"));
  EXPECT_THAT(numbers->counts, ElementsAre(ElementsAre(0, 0, 1)));
}

TEST(ComputeCounts, TakesNotANumberForNoLabel) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto counts = ComputeCounts(std::vector<double>{nan, 1.5, nan, 0.25}, {{0, 1}, {2}}, {});

  ASSERT_THAT(counts, IsOk());
  EXPECT_THAT(counts->labels, ElementsAre("0.25", "1.5"));
  EXPECT_THAT(counts->counts, ElementsAre(ElementsAre(0, 1), ElementsAre(0, 0)));
  EXPECT_TRUE(std::isnan(ComputeFrequencies(*counts).frequencies[1][0]));
}

TEST(ComputeCounts, RejectsWhatCannotBeCounted) {
  EXPECT_THAT(ComputeCounts(ArrayColumn{{1}, std::vector<float>{1}}, {}, {}),
              StatusIs(StatusCode::kInvalidArgument, "arrays"));
  EXPECT_THAT(ComputeCounts(std::vector<std::int64_t>{0}, {{1}}, {}),
              StatusIs(StatusCode::kOutOfRange, "partition 0 has row 1"));
  EXPECT_THAT(ComputeCounts(std::vector<std::int64_t>{2}, {{0}}, {.label_names = {"a", "b"}}),
              StatusIs(StatusCode::kInvalidArgument, "label 2 has no name"));
  EXPECT_THAT(ComputeCounts(std::vector<std::string>{"a"}, {{0}}, {.label_names = {"a"}}),
              StatusIs(StatusCode::kInvalidArgument, "type string cannot have names"));
  std::vector<std::int64_t> ids(100'001);
  std::iota(ids.begin(), ids.end(), 0);
  EXPECT_THAT(ComputeCounts(ids, {{0}}, {}),
              StatusIs(StatusCode::kInvalidArgument, "100001 different labels"));
}

TEST(ComputeCounts, OfNothingIsEmpty) {
  const auto counts = ComputeCounts(std::vector<std::int64_t>(), {{}}, {});
  ASSERT_THAT(counts, IsOk());
  EXPECT_THAT(counts->labels, IsEmpty());
  EXPECT_THAT(counts->counts, ElementsAre(IsEmpty()));
}

}  // namespace
}  // namespace flwrcpp::datasets
