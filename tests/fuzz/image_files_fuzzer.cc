// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Dataset files: IDX, plain or gzipped, and CIFAR-10's records. They are read from disk only, so an
// input becomes files in a temporary folder.

#include <filesystem>
#include <fstream>
#include <iterator>

#include "flwrcpp/datasets/image_source.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/dataset_files.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::fuzz {
namespace {

void Write(const testing::TempDir& directory, const char* name, std::string_view bytes) {
  // Some file systems wait for the disk when a file is emptied and written again.
  std::filesystem::remove(directory.File(name));
  std::ofstream(directory.File(name), std::ios::binary) << bytes;
}

std::string Gzip(const std::string& bytes) {
  const testing::DatasetDirectory directory;
  directory.WriteGzip("file", bytes);
  std::ifstream file(directory.path() + "/file", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void CheckSource(const datasets::ImageSource& source) {
  const StatusOr<std::vector<std::uint8_t>> labels = source.LoadLabels(datasets::kTestSplit);
  const StatusOr<datasets::ImageDataset> all = source.LoadAll(datasets::kTestSplit);
  if (!labels.ok()) {
    Require(!all.ok(), "images without labels are refused");
    return;
  }
  for (const std::uint8_t label : *labels) {
    Require(label < source.format().num_classes, "labels are classes");
  }
  if (!all.ok()) return;
  Require(all->labels == *labels, "labels are the same, alone or with images");
  Require(all->images.size() == labels->size() * source.format().image_size(),
          "every label has an image");
}

}  // namespace

std::vector<std::string> Seeds() {
  // Whether it is CIFAR-10, labels (or all records), images.
  return {std::string(1, '\0') + MakePiece(testing::IdxLabels({1, 9})) + testing::IdxImages(2),
          std::string(1, '\0') + MakePiece(testing::IdxLabels({})) + testing::IdxImages(0),
          std::string(1, '\1') + MakePiece(testing::CifarBatch({0, 9}, 0)),
          std::string(1, '\0') + MakePiece(Gzip(testing::IdxLabels({1, 9}))) +
              Gzip(testing::IdxImages(2))};
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  // One folder for all inputs: making it would take longer than reading.
  static const flwrcpp::testing::TempDir directory;
  fuzz::InputReader reader(fuzz::AsText(data, size));
  const bool cifar = reader.Byte() % 2 != 0;
  const std::string_view first = reader.Piece();
  if (cifar) {
    fuzz::Write(directory, "test_batch.bin", first);
    fuzz::CheckSource(*datasets::MakeCifar10(directory.path().string()));
  } else {
    fuzz::Write(directory, "t10k-labels-idx1-ubyte", first);
    fuzz::Write(directory, "t10k-images-idx3-ubyte", reader.Rest());
    fuzz::CheckSource(*datasets::MakeFashionMnist(directory.path().string()));
  }
  return 0;
}
