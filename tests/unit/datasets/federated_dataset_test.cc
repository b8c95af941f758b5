// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/federated_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/natural_id_partitioners.h"
#include "flwrcpp/datasets/size_partitioners.h"
#include "flwrcpp/datasets/vertical_partitioners.h"
#include "tests/support/dataset_files.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::IdxImages;
using flwrcpp::testing::IdxLabels;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::Json;
using flwrcpp::testing::ReadGoldenJson;
using flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::SizeIs;

using Ids = std::vector<std::int64_t>;

SplitPartitioner Iid(std::size_t num_partitions) {
  auto partitioner = MakeIidPartitioner({.num_partitions = num_partitions});
  EXPECT_THAT(partitioner, IsOk());
  return {.partitioner = *std::move(partitioner), .partition_by = ""};
}

SplitPartitioner Sizes(std::vector<std::size_t> sizes) {
  auto partitioner = MakeSizePartitioner({.partition_sizes = std::move(sizes)});
  EXPECT_THAT(partitioner, IsOk());
  return {.partitioner = *std::move(partitioner), .partition_by = ""};
}

Ids IdsOf(const StatusOr<Table>& table) {
  EXPECT_THAT(table, IsOk());
  if (!table.ok()) return {};
  const auto ids = table->Get<std::int64_t>("id");
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? Ids(ids->begin(), ids->end()) : Ids();
}

/// The dataset that flwr-datasets divided for the golden values: rows of all splits are numbered.
class GoldenTest : public ::testing::Test {
 protected:
  GoldenTest() {
    std::map<std::string, Table> splits;
    std::int64_t next = 0;
    for (const auto& [name, size] : golden_.at("sizes").items()) {
      Ids ids(size.get<std::size_t>());
      for (std::int64_t& id : ids) id = next++;
      splits[name] = *Table::Make({{"id", ids}});
    }
    source_ = MakeTableSource(std::move(splits));
  }

  FederatedDataset Make(const FederatedDatasetOptions& options) const {
    StatusOr<FederatedDataset> dataset = FederatedDataset::Make(source_, options);
    EXPECT_THAT(dataset, IsOk());
    return *std::move(dataset);
  }
  Json Case(const char* name) const { return golden_.at("cases").at(name); }

  static Json PartitionsOf(const FederatedDataset& dataset, std::string_view split) {
    Json partitions = Json::array();
    const auto found = dataset.FindPartitions(split);
    EXPECT_THAT(found, IsOk());
    if (!found.ok()) return partitions;
    for (std::size_t i = 0; i < (*found)->size(); ++i) {
      partitions.push_back(IdsOf(dataset.LoadPartition(i, split)));
    }
    return partitions;
  }

  Json golden_ = ReadGoldenJson("datasets.json").at("federated");
  std::shared_ptr<const DataSource> source_;
};

TEST_F(GoldenTest, ShufflesAndDividesAsFlwrDatasetsDoes) {
  const FederatedDataset dataset = Make({.partitioners = {{"train", Iid(7)}}});

  EXPECT_EQ(PartitionsOf(dataset, "train"), Case("shuffled"));
  EXPECT_EQ(Json(IdsOf(dataset.LoadSplit("test"))), Case("shuffled_test"));
}

TEST_F(GoldenTest, ShufflesByTheSeed) {
  const FederatedDataset dataset =
      Make({.partitioners = {{"train", Iid(4)}}, .seed = 1234567890123});

  EXPECT_EQ(PartitionsOf(dataset, "train"), Case("seeded"));
}

TEST_F(GoldenTest, DividesSeveralSplitsAndShufflesOnlyWhenAsked) {
  const FederatedDataset dataset =
      Make({.partitioners = {{"train", Iid(7)}, {"test", Sizes({5, 11})}}, .shuffle = false});

  EXPECT_EQ(PartitionsOf(dataset, "train"), Case("two_splits").at("train"));
  EXPECT_EQ(PartitionsOf(dataset, "test"), Case("two_splits").at("test"));
  EXPECT_THAT(dataset.LoadPartition(0),
              StatusIs(StatusCode::kInvalidArgument, "2 splits are divided"));
}

TEST_F(GoldenTest, DividesWhatADividerMakes) {
  const auto divider = MakeDivider(
      {.divide_config = {
           {"train", {{.name = "a", .fraction = 0.35}, {.name = "b", .fraction = 0.5}}},
           {"test", {{.name = "c", .fraction = 0.1}, {.name = "d", .fraction = 0.9}}}}});
  ASSERT_THAT(divider, IsOk());
  const FederatedDataset dataset =
      Make({.partitioners = {{"a", Iid(3)}}, .preprocessor = *divider});

  EXPECT_THAT(dataset.source().splits(), ElementsAre("a", "b", "c", "d", "valid"));
  const Json divided = Case("divided");
  for (const auto& [name, rows] : divided.items()) {
    EXPECT_EQ(Json(IdsOf(dataset.LoadSplit(name))), rows) << name;
  }
  EXPECT_EQ(PartitionsOf(dataset, "a"), Case("divided_partitions"));
}

TEST_F(GoldenTest, DividesWhatAMergerMakes) {
  const auto merger = MakeMerger({{"all", {"valid", "train"}}, {"test", {"test"}}});
  ASSERT_THAT(merger, IsOk());
  const FederatedDataset dataset =
      Make({.partitioners = {{"all", Iid(5)}}, .preprocessor = *merger});

  EXPECT_EQ(Json(IdsOf(dataset.LoadSplit("all"))), Case("merged"));
  EXPECT_EQ(PartitionsOf(dataset, "all"), Case("merged_partitions"));
  // The column alone comes in the same order as the rows.
  const auto column = dataset.source().LoadColumn("all", "id");
  ASSERT_THAT(column, IsOk());
  EXPECT_EQ(Json(std::get<Ids>(*column)), Case("merged"));
}

TEST_F(GoldenTest, DividesPartitionsAndJoinsTheirPieces) {
  const FederatedDataset dataset = Make({.partitioners = {{"train", Iid(7)}}});

  const auto partition = dataset.LoadPartition(2);
  ASSERT_THAT(partition, IsOk());
  const auto pieces = DivideDataset(*partition, {0.6, 0.2, 0.1});
  ASSERT_THAT(pieces, IsOk());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Json(IdsOf((*pieces)[i])), Case("partition_2_divided")[i]);
  }
  EXPECT_EQ(Json(IdsOf(ConcatenateDivisions(dataset, "train", {0.8, 0.2}, 1))),
            Case("concatenated"));
  EXPECT_THAT(ConcatenateDivisions(dataset, "train", {0.8, 0.2}, 2),
              StatusIs(StatusCode::kInvalidArgument, "no division 2 of 2"));
  EXPECT_THAT(ConcatenateDivisions(dataset, "train", {0.01}, 0),
              StatusIs(StatusCode::kInvalidArgument, "is empty"));
}

TEST_F(GoldenTest, WithoutASeedEachDatasetHasAnOrderOfItsOwn) {
  const FederatedDatasetOptions options = {.partitioners = {{"train", Iid(1)}},
                                           .seed = std::nullopt};
  const FederatedDataset dataset = Make(options);

  // The chance that two orders of 60 are equal is 1 in 10^81.
  EXPECT_NE(IdsOf(dataset.LoadPartition(0)), IdsOf(Make(options).LoadPartition(0)));
  EXPECT_EQ(IdsOf(dataset.LoadPartition(0)), IdsOf(dataset.LoadPartition(0)));
}

TEST_F(GoldenTest, ReportsAPreprocessorThatFails) {
  EXPECT_THAT(
      FederatedDataset::Make(source_, {.preprocessor = [](const Splits&) -> StatusOr<Splits> {
                               throw std::runtime_error("no way");
                             }}),
      StatusIs(StatusCode::kInternal, "the preprocessor threw: no way"));
  EXPECT_THAT(
      FederatedDataset::Make(source_, {.preprocessor = [](const Splits&) -> StatusOr<Splits> {
                               return Splits{{"x", {{0, 100}}}};
                             }}),
      StatusIs(StatusCode::kInvalidArgument, "'x' names row 100"));
}

TEST_F(GoldenTest, RejectsSplitsAndPartitionsThatThereAreNot) {
  EXPECT_THAT(FederatedDataset::Make(source_, {.partitioners = {{"dev", Iid(2)}}}),
              StatusIs(StatusCode::kInvalidArgument, "no split 'dev'"));
  EXPECT_THAT(FederatedDataset::Make(source_, {.partitioners = {{"train", {}}}}),
              StatusIs(StatusCode::kInvalidArgument, "'train' has no partitioner"));
  const FederatedDataset dataset = Make({.partitioners = {{"train", Iid(2)}}});
  EXPECT_THAT(dataset.LoadPartition(2), StatusIs(StatusCode::kOutOfRange, "no partition 2"));
  EXPECT_THAT(
      dataset.LoadPartition(0, "test"),
      StatusIs(StatusCode::kInvalidArgument, "'test' is not divided; those that are: train"));
}

/// The table whose columns flwr-datasets divided for the golden values.
class VerticalTest : public ::testing::Test {
 protected:
  VerticalTest() : source_(MakeTableSource({{"train", TableOf(golden_.at("columns"))}})) {}

  static Table TableOf(const Json& columns) {
    std::vector<Table::NamedColumn> named;
    for (const auto& [name, values] : columns.items()) named.push_back({name, values.get<Ids>()});
    return *Table::Make(std::move(named));
  }

  StatusOr<FederatedDataset> Make(StatusOr<std::unique_ptr<VerticalPartitioner>> partitioner,
                                  Preprocessor preprocessor = nullptr) const {
    EXPECT_THAT(partitioner, IsOk());
    return FederatedDataset::Make(
        source_, {.partitioners = {{"train", {.vertical_partitioner = *std::move(partitioner)}}},
                  .preprocessor = std::move(preprocessor)});
  }

  void ExpectGolden(const FederatedDataset& dataset, const char* name) const {
    const Json expected = golden_.at("cases").at(name);
    const auto partitions = dataset.FindColumnPartitions("train");
    ASSERT_THAT(partitions, IsOk());
    ASSERT_THAT(**partitions, SizeIs(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto partition = dataset.LoadPartition(i);
      ASSERT_THAT(partition, IsOk());
      EXPECT_EQ(*partition, TableOf(expected[i])) << i;
      EXPECT_EQ(partition->column_names(), (**partitions)[i]);
    }
  }

  static VerticalEvenPartitionerOptions Even() {
    VerticalEvenPartitionerOptions options;
    options.num_partitions = 3;
    options.active_party_columns = {"label"};
    options.drop_columns = {"zip"};
    options.shared_columns = {"sex"};
    options.seed = 7;
    return options;
  }

  Json golden_ = ReadGoldenJson("datasets.json").at("vertical");
  std::shared_ptr<const DataSource> source_;
};

TEST_F(VerticalTest, EvenlyDividesTheColumnsOfShuffledRowsAsFlwrDatasetsDoes) {
  const auto dataset = Make(MakeVerticalEvenPartitioner(Even()));

  ASSERT_THAT(dataset, IsOk());
  ExpectGolden(*dataset, "even");
}

TEST_F(VerticalTest, DividesTheColumnsByGivenSizesAsFlwrDatasetsDoes) {
  VerticalSizePartitionerOptions options;
  options.partition_sizes = std::vector<std::size_t>{2, 0, 3};
  options.active_party_columns = {"label"};
  options.active_party_columns_mode = ActivePartyColumnsMode::kCreateAsLast;

  const auto dataset = Make(MakeVerticalSizePartitioner(options));

  ASSERT_THAT(dataset, IsOk());
  ExpectGolden(*dataset, "size");
}

TEST_F(VerticalTest, DividesTheColumnsOfWhatAPreprocessorMakes) {
  const auto divider =
      MakeDivider({.divide_config = {
                       {"train", {{.name = "train", .samples = 4}, {.name = "x", .samples = 5}}}}});
  ASSERT_THAT(divider, IsOk());

  const auto dataset = Make(MakeVerticalEvenPartitioner(Even()), *divider);

  ASSERT_THAT(dataset, IsOk());
  const auto partition = dataset->LoadPartition(1);
  ASSERT_THAT(partition, IsOk());
  const Ids all = golden_.at("cases").at("even")[1].at("income").get<Ids>();
  EXPECT_THAT(*partition->Get<std::int64_t>("income"),
              ElementsAreArray(all.begin(), all.begin() + 4));
}

TEST_F(VerticalTest, TellsRowsAndColumnsApart) {
  const auto dataset = Make(MakeVerticalEvenPartitioner(Even()));
  ASSERT_THAT(dataset, IsOk());
  const auto rows = FederatedDataset::Make(source_, {.partitioners = {{"train", Iid(2)}}});
  ASSERT_THAT(rows, IsOk());

  EXPECT_THAT(dataset->FindPartitions("train"),
              StatusIs(StatusCode::kInvalidArgument, "the columns of the split 'train'"));
  EXPECT_THAT(ConcatenateDivisions(*dataset, "train", {0.8, 0.2}, 1),
              StatusIs(StatusCode::kInvalidArgument, "the columns of the split 'train'"));
  EXPECT_THAT(rows->FindColumnPartitions("train"),
              StatusIs(StatusCode::kInvalidArgument, "the rows of the split 'train'"));
  EXPECT_THAT(dataset->FindColumnPartitions("test"),
              StatusIs(StatusCode::kInvalidArgument, "'test' is not divided"));
  EXPECT_THAT(dataset->LoadPartition(3), StatusIs(StatusCode::kOutOfRange, "has 3 partitions"));
}

class OwnColumns : public VerticalPartitioner {
 public:
  explicit OwnColumns(ColumnPartitions partitions) : partitions_(std::move(partitions)) {}
  StatusOr<ColumnPartitions> Partition(std::span<const std::string> /*names*/) const override {
    return partitions_;
  }

 private:
  ColumnPartitions partitions_;
};

TEST_F(VerticalTest, RejectsTwoPartitionersAndColumnsThatThereAreNot) {
  SplitPartitioner both = Iid(2);
  both.vertical_partitioner = *MakeVerticalEvenPartitioner(Even());
  EXPECT_THAT(FederatedDataset::Make(source_, {.partitioners = {{"train", both}}}),
              StatusIs(StatusCode::kInvalidArgument, "'train' has two partitioners"));
  VerticalEvenPartitionerOptions options = Even();
  options.shared_columns = {"name"};
  EXPECT_THAT(Make(MakeVerticalEvenPartitioner(options)),
              StatusIs(StatusCode::kInvalidArgument, "'name'"));
  EXPECT_THAT(Make(std::make_unique<OwnColumns>(ColumnPartitions{{"age"}, {"name"}})),
              StatusIs(StatusCode::kInvalidArgument, "partitioner of 'train': there is no column"));
  EXPECT_THAT(Make(std::make_unique<OwnColumns>(ColumnPartitions{{"age", "age"}})),
              StatusIs(StatusCode::kInvalidArgument, "the partitioner of 'train'"));
}

TEST(FederatedDataset, DividesATableByAColumnOfTexts) {
  const std::shared_ptr<const DataSource> source = MakeTableSource(
      {{"train", *Table::Make({{"id", Ids{0, 1, 2, 3, 4}},
                               {"city", std::vector<std::string>{"b", "a", "b", "c", "a"}}})}});
  const SplitPartitioner by_city = {.partitioner = MakeNaturalIdPartitioner(),
                                    .partition_by = "city"};

  const auto dataset =
      FederatedDataset::Make(source, {.partitioners = {{"train", by_city}}, .shuffle = false});

  ASSERT_THAT(dataset, IsOk());
  EXPECT_EQ(IdsOf(dataset->LoadPartition(0)), (Ids{1, 4}));
  EXPECT_EQ(IdsOf(dataset->LoadPartition(1)), (Ids{0, 2}));
  EXPECT_EQ(IdsOf(dataset->LoadPartition(2)), (Ids{3}));
  EXPECT_THAT(FederatedDataset::Make(
                  source, {.partitioners = {{"train", {.partitioner = by_city.partitioner}}}}),
              StatusIs(StatusCode::kNotFound, "no column 'label'"));
}

TEST(FederatedDataset, RejectsArraysToDivideBy) {
  const std::shared_ptr<const DataSource> source = MakeTableSource(
      {{"train", *Table::Make({{"x", ArrayColumn{{1}, std::vector<float>{1, 2}}}})}});

  EXPECT_THAT(
      FederatedDataset::Make(
          source,
          {.partitioners = {{"train", {.partitioner = Iid(1).partitioner, .partition_by = "x"}}}}),
      StatusIs(StatusCode::kInvalidArgument, "'x' of the split 'train' holds arrays"));
}

class ImagesTest : public ::testing::Test {
 protected:
  ImagesTest() {
    directory_.WriteGzip("train-images-idx3-ubyte.gz", IdxImages(20));
    std::vector<std::uint8_t> labels;
    for (std::uint8_t i = 0; i < 20; ++i) labels.push_back(i % 10);
    directory_.WriteGzip("train-labels-idx1-ubyte.gz", IdxLabels(labels));
  }

  DatasetDirectory directory_;
  std::shared_ptr<const ImageSource> source_ = MakeFashionMnist(directory_.path());
};

TEST_F(ImagesTest, ReadsTheImagesOfAPartitionAndNeedsNoOtherSplit) {
  const auto dataset = FederatedDataset::Make(source_, {.partitioners = {{"train", Iid(2)}}});
  ASSERT_THAT(dataset, IsOk());

  StatusOr<Table> partition = dataset->LoadPartition(1);

  ASSERT_THAT(partition, IsOk());
  EXPECT_THAT(partition->column_names(), ElementsAre("image", "label"));
  const auto images = ToImages(*std::move(partition), source_->format());
  ASSERT_THAT(images, IsOk());
  const std::vector<std::size_t> order = Permutation(20, 42);
  ASSERT_THAT(images->labels, SizeIs(10));
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(images->labels[i], order[10 + i] % 10);
    EXPECT_THAT(images->image(i), Each(order[10 + i]));
  }
}

TEST_F(ImagesTest, DividesByTheLabels) {
  const SplitPartitioner by_label = {.partitioner = MakeNaturalIdPartitioner()};
  const auto dataset =
      FederatedDataset::Make(source_, {.partitioners = {{"train", by_label}}, .shuffle = false});
  ASSERT_THAT(dataset, IsOk());

  EXPECT_THAT(*(*dataset->FindPartitions("train")), SizeIs(10));
  const auto partition = dataset->LoadPartition(3);
  ASSERT_THAT(partition, IsOk());
  EXPECT_THAT(*partition->Get<std::int64_t>("label"), ElementsAre(3, 3));
}

TEST_F(ImagesTest, ReportsASourceThatCannotBeRead) {
  EXPECT_THAT(
      FederatedDataset::Make(MakeFashionMnist("/nowhere"), {.partitioners = {{"train", Iid(2)}}}),
      StatusIs(StatusCode::kNotFound, "/nowhere/train-labels-idx1-ubyte"));
}

TEST_F(ImagesTest, ATableOfOtherColumnsHoldsNoImages) {
  const ImageFormat format = source_->format();
  const auto to_images = [&](std::vector<Table::NamedColumn> columns) {
    return ToImages(*Table::Make(std::move(columns)), format);
  };
  const ArrayColumn image{{1, 28, 28}, std::vector<std::uint8_t>(784)};
  EXPECT_THAT(to_images({{"image", image}, {"label", Ids{9}}}), IsOk());
  EXPECT_THAT(to_images({{"image", image}}), StatusIs(StatusCode::kNotFound, "'label'"));
  EXPECT_THAT(to_images({{"label", Ids{9}}}), StatusIs(StatusCode::kNotFound, "'image'"));
  EXPECT_THAT(to_images({{"image", image}, {"label", Ids{10}}}),
              StatusIs(StatusCode::kInvalidArgument, "label 10"));
  const ArrayColumn small{{2}, std::vector<std::uint8_t>(2)};
  EXPECT_THAT(to_images({{"image", small}, {"label", Ids{1}}}),
              StatusIs(StatusCode::kInvalidArgument, "no images of 1x28x28"));
}

}  // namespace
}  // namespace flwrcpp::datasets
