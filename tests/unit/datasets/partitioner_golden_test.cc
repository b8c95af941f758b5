// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/partitioners.json holds how flwr-datasets 0.6.1 with NumPy 2.4.6 divides the same
// columns; make_partitioners.py beside it writes the file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/make_partitioner.h"
#include "flwrcpp/datasets/size_partitioners.h"
#include "tests/support/golden.h"
#include "tests/support/json_parameters.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::StatusIs;
using flwrcpp::testing::ToParameters;

const Json& Golden() {
  static const Json golden = flwrcpp::testing::ReadGoldenJson("partitioners.json");
  return golden;
}

std::string Title(const Json& entry) {
  return entry["partitioner"].get<std::string>() + " " + entry["parameters"].dump();
}

/// Divides a column whose rows were shuffled first if the entry says so. As a node would see it
/// the partitions hold the rows from before.
template <typename T>
StatusOr<Partitions> DivideRows(const Json& entry, const std::vector<T>& values) {
  const auto partitioner =
      MakePartitioner(entry["partitioner"].get<std::string>(), ToParameters(entry["parameters"]));
  if (!partitioner.ok()) return partitioner.status();
  if (!entry.contains("shuffle_dataset")) return (*partitioner)->Partition(values);

  const auto order = Permutation(values.size(), entry["shuffle_dataset"].get<std::uint64_t>());
  std::vector<T> shuffled;
  for (const std::size_t row : order) shuffled.push_back(values[row]);
  StatusOr<Partitions> partitions = (*partitioner)->Partition(shuffled);
  if (!partitions.ok()) return partitions;
  for (auto& partition : *partitions) {
    for (std::size_t& row : partition) row = order[row];
  }
  return partitions;
}

StatusOr<Partitions> Divide(const Json& entry) {
  const Json& column = Golden()["columns"][entry["column"].get<std::string>()];
  if (column[0].is_string()) return DivideRows(entry, column.get<std::vector<std::string>>());
  if (column[0].is_number_float()) return DivideRows(entry, column.get<std::vector<double>>());
  return DivideRows(entry, column.get<std::vector<std::int64_t>>());
}

TEST(PartitionerGolden, GivesEachRowWhereFlwrDatasetsGivesIt) {
  ASSERT_GE(Golden()["cases"].size(), 80);
  for (const Json& entry : Golden()["cases"]) {
    SCOPED_TRACE(Title(entry));

    const StatusOr<Partitions> partitions = Divide(entry);

    ASSERT_THAT(partitions, IsOk());
    EXPECT_EQ(*partitions, entry["partitions"].get<Partitions>());
  }
}

TEST(PartitionerGolden, HasEveryPartitionerByItsName) {
  for (const std::string& name : PartitionerNames()) {
    const auto is_it = [&name](const Json& entry) { return entry["partitioner"] == name; };
    EXPECT_TRUE(std::any_of(Golden()["cases"].begin(), Golden()["cases"].end(), is_it)) << name;
  }
}

TEST(PartitionerGolden, RefusesWhatFlwrDatasetsRefuses) {
  ASSERT_GE(Golden()["errors"].size(), 40);
  for (const Json& entry : Golden()["errors"]) {
    SCOPED_TRACE(Title(entry));
    EXPECT_THAT(Divide(entry), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(PartitionerGolden, DividesFashionMnistAsFlwrDatasetsDoes) {
  const auto labels =
      MakeFashionMnist(std::string(kFashionMnistDirectory))->LoadLabels(kTrainSplit);
  ASSERT_THAT(labels, IsOk());
  for (const Json& entry : Golden()["fashion-mnist"]) {
    SCOPED_TRACE(Title(entry));

    const StatusOr<Partitions> partitions = DivideRows(entry, *labels);

    ASSERT_THAT(partitions, IsOk());
    ASSERT_EQ(partitions->size(), entry["sizes"].size());
    for (std::size_t i = 0; i < partitions->size(); ++i) {
      const std::vector<std::size_t>& rows = (*partitions)[i];
      EXPECT_EQ(rows.size(), entry["sizes"][i]) << i;
      std::vector<std::size_t> classes(10);
      uLong checksum = 0;
      for (const std::size_t row : rows) {
        ++classes[(*labels)[row]];
        Bytef bytes[8];
        for (unsigned k = 0; k < 8; ++k) bytes[k] = static_cast<Bytef>(std::uint64_t{row} >> 8 * k);
        checksum = crc32(checksum, bytes, sizeof bytes);
      }
      EXPECT_EQ(classes, entry["classes"][i].get<std::vector<std::size_t>>()) << i;
      EXPECT_EQ(checksum, entry["crc32"][i]) << i;
    }
  }
}

TEST(PartitionerGolden, IdToSizeFncPartitionerTakesAnyFunction) {
  const auto partitioner = MakeIdToSizeFncPartitioner(
      {.num_partitions = 5, .partition_id_to_size_fn = [](double id) { return std::sqrt(id); }});
  ASSERT_THAT(partitioner, IsOk());

  const auto partitions =
      (*partitioner)->Partition(Golden()["columns"]["digits"].get<std::vector<std::int64_t>>());

  ASSERT_THAT(partitions, IsOk());
  std::vector<std::size_t> sizes;
  for (const auto& partition : *partitions) sizes.push_back(partition.size());
  EXPECT_EQ(sizes, Golden()["square root"]["sizes"].get<std::vector<std::size_t>>());
}

StatusOr<ColumnPartitions> DivideColumns(const Json& entry) {
  const auto partitioner = MakeVerticalPartitioner(entry["partitioner"].get<std::string>(),
                                                   ToParameters(entry["parameters"]));
  if (!partitioner.ok()) return partitioner.status();
  return (*partitioner)->Partition(Golden()["table"].get<std::vector<std::string>>());
}

TEST(VerticalPartitionerGolden, GivesEachColumnWhereFlwrDatasetsGivesIt) {
  ASSERT_GE(Golden()["vertical"].size(), 16);
  for (const Json& entry : Golden()["vertical"]) {
    SCOPED_TRACE(Title(entry));

    const StatusOr<ColumnPartitions> partitions = DivideColumns(entry);

    ASSERT_THAT(partitions, IsOk());
    EXPECT_EQ(*partitions, entry["partitions"].get<ColumnPartitions>());
  }
}

TEST(VerticalPartitionerGolden, RefusesWhatFlwrDatasetsRefuses) {
  ASSERT_GE(Golden()["vertical errors"].size(), 13);
  for (const Json& entry : Golden()["vertical errors"]) {
    SCOPED_TRACE(Title(entry));
    EXPECT_THAT(DivideColumns(entry), StatusIs(StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace flwrcpp::datasets
