// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/image_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/dataset_files.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::datasets {
namespace {

using flwrcpp::testing::BigEndian;
using flwrcpp::testing::CifarBatch;
using flwrcpp::testing::DatasetDirectory;
using flwrcpp::testing::IdxImages;
using flwrcpp::testing::IdxLabels;
using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::Each;
using ::testing::ElementsAre;

class FashionMnistTest : public ::testing::Test {
 protected:
  void WriteTrain(const std::string& images, const std::string& labels) {
    directory_.WriteGzip("train-images-idx3-ubyte.gz", images);
    directory_.WriteGzip("train-labels-idx1-ubyte.gz", labels);
  }

  DatasetDirectory directory_;
  std::unique_ptr<ImageSource> source_ = MakeFashionMnist(directory_.path());
};

TEST_F(FashionMnistTest, ReadsImagesAndLabelsOfASplit) {
  WriteTrain(IdxImages(4), IdxLabels({3, 0, 9, 1}));

  const StatusOr<ImageDataset> train = source_->LoadAll("train");

  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->format, (ImageFormat{1, 28, 28, 10}));
  EXPECT_THAT(train->labels, ElementsAre(3, 0, 9, 1));
  ASSERT_EQ(train->images.size(), 4U * 784);
  EXPECT_THAT(train->image(2), Each(2));
  EXPECT_THAT(train->image(3), Each(3));
}

TEST_F(FashionMnistTest, ReadsFilesThatAreNotCompressed) {
  directory_.Write("t10k-images-idx3-ubyte", IdxImages(2));
  directory_.Write("t10k-labels-idx1-ubyte", IdxLabels({7, 8}));

  const StatusOr<ImageDataset> test = source_->LoadAll("test");

  ASSERT_THAT(test, IsOk());
  EXPECT_THAT(test->labels, ElementsAre(7, 8));
}

TEST_F(FashionMnistTest, GivesChosenImagesInTheOrderAskedFor) {
  WriteTrain(IdxImages(5), IdxLabels({0, 1, 2, 3, 4}));

  const StatusOr<ImageDataset> chosen = source_->Load("train", std::vector<std::size_t>{4, 1, 1});

  ASSERT_THAT(chosen, IsOk());
  EXPECT_THAT(chosen->labels, ElementsAre(4, 1, 1));
  EXPECT_THAT(chosen->image(0), Each(4));
  EXPECT_THAT(chosen->image(1), Each(1));
  EXPECT_THAT(chosen->image(2), Each(1));
}

TEST_F(FashionMnistTest, ReadsNoFurtherThanTheLastImageAskedFor) {
  WriteTrain(IdxImages(5).substr(0, 16 + 2 * 784), IdxLabels({0, 1, 2, 3, 4}));

  EXPECT_THAT(source_->Load("train", std::vector<std::size_t>{1}), IsOk());
  EXPECT_THAT(source_->Load("train", std::vector<std::size_t>{2}),
              StatusIs(StatusCode::kDataLoss, "truncated"));
}

TEST_F(FashionMnistTest, SaysWhichFileIsMissingAndWhereToGetIt) {
  directory_.WriteGzip("train-labels-idx1-ubyte.gz", IdxLabels({1}));

  const Status status = source_->LoadAll("train").status();

  EXPECT_THAT(status,
              StatusIs(StatusCode::kNotFound, directory_.path() + "/train-images-idx3-ubyte"));
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "dataset-fashion-mnist"));
}

TEST_F(FashionMnistTest, RejectsEveryTruncation) {
  const std::string labels = IdxLabels({1, 2});
  for (std::size_t size = 0; size < labels.size(); ++size) {
    SCOPED_TRACE(size);
    WriteTrain(IdxImages(2), labels.substr(0, size));
    EXPECT_THAT(source_->LoadLabels("train"), StatusIs(StatusCode::kDataLoss, "truncated"));
  }
  const std::string images = IdxImages(2);
  for (const std::size_t size : {0UL, 4UL, 15UL, 16UL, 16 + 784UL, images.size() - 1}) {
    SCOPED_TRACE(size);
    WriteTrain(images.substr(0, size), labels);
    EXPECT_THAT(source_->LoadAll("train"), StatusIs(StatusCode::kDataLoss, "truncated"));
  }
}

TEST_F(FashionMnistTest, RejectsAGzipStreamThatIsCutOrDamaged) {
  const std::string path = directory_.path() + "/train-labels-idx1-ubyte.gz";
  directory_.WriteGzip("train-labels-idx1-ubyte.gz", IdxLabels(std::vector<std::uint8_t>(5000, 4)));
  std::string compressed;
  {
    std::ifstream file(path, std::ios::binary);
    compressed.assign(std::istreambuf_iterator<char>(file), {});
  }
  directory_.Write("train-labels-idx1-ubyte.gz", compressed.substr(0, compressed.size() / 2));
  EXPECT_THAT(source_->LoadLabels("train"), StatusIs(StatusCode::kDataLoss));

  compressed[10] = static_cast<char>(0xFF);  // First byte of the deflate stream: no such block.
  directory_.Write("train-labels-idx1-ubyte.gz", compressed);
  EXPECT_THAT(source_->LoadLabels("train"), StatusIs(StatusCode::kDataLoss, "damaged"));
}

TEST_F(FashionMnistTest, RejectsAWrongMagicNumber) {
  WriteTrain(IdxLabels({1}), IdxImages(1));

  EXPECT_THAT(source_->LoadLabels("train"),
              StatusIs(StatusCode::kDataLoss, "starts with 0x00000803, expected the IDX magic"));
}

TEST_F(FashionMnistTest, RejectsALabelThatIsNoClass) {
  WriteTrain(IdxImages(3), IdxLabels({9, 10, 0}));

  EXPECT_THAT(source_->LoadLabels("train"),
              StatusIs(StatusCode::kDataLoss, "label 1 is 10, expected 0 to 9"));
}

TEST_F(FashionMnistTest, RejectsImagesThatAreNotAsManyAsTheLabels) {
  WriteTrain(IdxImages(3), IdxLabels({1, 2}));

  EXPECT_THAT(source_->LoadAll("train"),
              StatusIs(StatusCode::kDataLoss, "has 3 images, but there are 2 labels"));
}

TEST_F(FashionMnistTest, RejectsImagesOfAnotherSize) {
  WriteTrain(IdxImages(1, 32, 28), IdxLabels({1}));

  EXPECT_THAT(source_->LoadAll("train"), StatusIs(StatusCode::kDataLoss, "32x28"));
}

TEST_F(FashionMnistTest, AWrongCountAllocatesNoMoreThanTheFileHolds) {
  WriteTrain(IdxImages(1), BigEndian(0x801) + BigEndian(0xFFFFFFFF) + "\1");

  EXPECT_THAT(source_->LoadLabels("train"), StatusIs(StatusCode::kDataLoss, "truncated"));
}

TEST_F(FashionMnistTest, AnIndexBeyondTheSplitIsOutOfRange) {
  WriteTrain(IdxImages(2), IdxLabels({1, 2}));

  EXPECT_THAT(source_->Load("train", std::vector<std::size_t>{0, 2}),
              StatusIs(StatusCode::kOutOfRange));
}

TEST_F(FashionMnistTest, HasNoOtherSplit) {
  EXPECT_THAT(source_->LoadLabels("valid"), StatusIs(StatusCode::kInvalidArgument, "'valid'"));
}

class Cifar10Test : public ::testing::Test {
 protected:
  void WriteTrain() {
    for (int i = 0; i < 5; ++i) {
      directory_.Write("data_batch_" + std::to_string(i + 1) + ".bin",
                       CifarBatch({static_cast<std::uint8_t>(i), 9}, 10 * i));
    }
  }

  DatasetDirectory directory_;
  std::unique_ptr<ImageSource> source_ = MakeCifar10(directory_.path());
};

TEST_F(Cifar10Test, ReadsTheFiveTrainingFilesAsOneSplit) {
  WriteTrain();

  const StatusOr<ImageDataset> train = source_->LoadAll("train");

  ASSERT_THAT(train, IsOk());
  EXPECT_EQ(train->format, (ImageFormat{3, 32, 32, 10}));
  EXPECT_THAT(train->labels, ElementsAre(0, 9, 1, 9, 2, 9, 3, 9, 4, 9));
  EXPECT_THAT(train->image(7).first(1024), Each(31));
  EXPECT_THAT(train->image(7).subspan(1024, 1024), Each(31 + 64));
  EXPECT_THAT(train->image(7).last(1024), Each(31 + 128));
}

TEST_F(Cifar10Test, GivesChosenImagesInTheOrderAskedFor) {
  WriteTrain();

  const StatusOr<ImageDataset> chosen = source_->Load("train", std::vector<std::size_t>{8, 3, 0});

  ASSERT_THAT(chosen, IsOk());
  EXPECT_THAT(chosen->labels, ElementsAre(4, 9, 0));
  EXPECT_THAT(chosen->image(1).first(1024), Each(11));
}

TEST_F(Cifar10Test, LooksIntoTheDirectoryThatTheArchiveUnpacks) {
  std::filesystem::create_directory(directory_.path() + "/cifar-10-batches-bin");
  directory_.Write("cifar-10-batches-bin/test_batch.bin", CifarBatch({5}, 0));

  const StatusOr<ImageDataset> test = source_->LoadAll("test");

  ASSERT_THAT(test, IsOk());
  EXPECT_THAT(test->labels, ElementsAre(5));
}

TEST_F(Cifar10Test, SaysWhichFileIsMissingAndWhereToGetIt) {
  WriteTrain();
  std::filesystem::remove(directory_.path() + "/data_batch_4.bin");

  const Status status = source_->LoadAll("train").status();

  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, directory_.path() + "/data_batch_4.bin"));
  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, "cifar-10-binary.tar.gz"));
}

TEST_F(Cifar10Test, RejectsATruncatedFile) {
  directory_.Write("test_batch.bin", CifarBatch({1, 2}, 0).substr(0, 6000));

  EXPECT_THAT(source_->LoadAll("test"), StatusIs(StatusCode::kDataLoss, "truncated"));
}

TEST_F(Cifar10Test, RejectsALabelThatIsNoClass) {
  directory_.Write("test_batch.bin", CifarBatch({1, 200}, 0));

  EXPECT_THAT(source_->LoadLabels("test"), StatusIs(StatusCode::kDataLoss, "label 1 is 200"));
  EXPECT_THAT(source_->Load("test", std::vector<std::size_t>{1}),
              StatusIs(StatusCode::kDataLoss, "200"));
}

TEST_F(Cifar10Test, AnIndexBeyondTheSplitIsOutOfRange) {
  WriteTrain();

  EXPECT_THAT(source_->Load("train", std::vector<std::size_t>{10}),
              StatusIs(StatusCode::kOutOfRange));
}

TEST(MakeImageSource, KnowsItsDatasetsByName) {
  const auto fashion = MakeImageSource("fashion-mnist", "");
  ASSERT_THAT(fashion, IsOk());
  EXPECT_EQ((*fashion)->format().channels, 1);
  const auto cifar = MakeImageSource("cifar10", "somewhere");
  ASSERT_THAT(cifar, IsOk());
  EXPECT_EQ((*cifar)->format().channels, 3);
}

TEST(MakeImageSource, RejectsWhatItCannotOpen) {
  EXPECT_THAT(MakeImageSource("cifar10", ""),
              StatusIs(StatusCode::kInvalidArgument, "needs a directory"));
  EXPECT_THAT(MakeImageSource("imagenet", "x"),
              StatusIs(StatusCode::kInvalidArgument, "'imagenet', expected fashion-mnist"));
}

}  // namespace
}  // namespace flwrcpp::datasets
