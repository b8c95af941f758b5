// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "datasets/selection.h"
#include "flwrcpp/datasets/image_source.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

constexpr ImageFormat kFormat = {.channels = 3, .height = 32, .width = 32, .num_classes = 10};

/// A record is the label and then the image.
constexpr std::size_t kRecordSize = 1 + 3 * 32 * 32;

/// One file of records.
class Batch {
 public:
  static StatusOr<Batch> Open(const std::filesystem::path& path) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    std::ifstream file(path, std::ios::binary);
    if (error || !file) {
      return MakeError(StatusCode::kNotFound, "CIFAR-10: cannot read '{}'{}; {}", path.string(),
                       error ? ": " + error.message() : "", internal::kCifar10Origin);
    }
    if (size % kRecordSize != 0) {
      return MakeError(StatusCode::kDataLoss,
                       "'{}' has {} bytes, expected a multiple of {}: it is truncated or no "
                       "CIFAR-10 binary file",
                       path.string(), size, kRecordSize);
    }
    return Batch(path.string(), std::move(file), static_cast<std::size_t>(size / kRecordSize));
  }

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }

  /// Fills `out` from byte `offset` of record `index`.
  Status Read(std::size_t index, std::size_t offset, std::span<std::uint8_t> out) {
    file_.seekg(static_cast<std::streamoff>(index * kRecordSize + offset));
    file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    if (file_) return {};
    return MakeError(StatusCode::kDataLoss, "cannot read record {} of '{}'", index, path_);
  }

  /// All records' labels.
  StatusOr<std::vector<std::uint8_t>> Labels() {
    std::vector<std::uint8_t> labels(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      FLWRCPP_RETURN_IF_ERROR(Read(i, 0, std::span(labels).subspan(i, 1)));
    }
    FLWRCPP_RETURN_IF_ERROR(internal::CheckLabels(labels, kFormat.num_classes, path_));
    return labels;
  }

 private:
  Batch(std::string path, std::ifstream file, std::size_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}

  std::string path_;
  std::ifstream file_;
  std::size_t size_;
};

class Cifar10 final : public ImageSource {
 public:
  explicit Cifar10(std::string directory) : directory_(std::move(directory)) {}

  const ImageFormat& format() const override { return kFormat; }

  const std::vector<std::string>& class_names() const override {
    static const std::vector<std::string> names = {
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
    return names;
  }

  StatusOr<std::vector<std::uint8_t>> LoadLabels(std::string_view split) const override {
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<Batch> batches, OpenSplit(split));
    std::vector<std::uint8_t> labels;
    for (Batch& batch : batches) {
      FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> part, batch.Labels());
      labels.insert(labels.end(), part.begin(), part.end());
    }
    return labels;
  }

  StatusOr<ImageDataset> Load(std::string_view split,
                              std::span<const std::size_t> indices) const override {
    FLWRCPP_ASSIGN_OR_RETURN(std::vector<Batch> batches, OpenSplit(split));
    std::size_t size = 0;
    for (const Batch& batch : batches) size += batch.size();
    const std::vector<internal::Pick> picks = internal::SortedPicks(indices);
    FLWRCPP_RETURN_IF_ERROR(internal::CheckPicks(picks, size, directory_.string()));

    ImageDataset dataset;
    dataset.format = kFormat;
    dataset.labels.resize(picks.size());
    dataset.images.resize(picks.size() * kFormat.image_size());
    auto batch = batches.begin();
    std::size_t first = 0;  // Index of the first sample of `batch`.
    for (const internal::Pick& pick : picks) {
      while (pick.index - first >= batch->size()) first += (batch++)->size();
      const std::size_t record = pick.index - first;
      const auto label = std::span(dataset.labels).subspan(pick.place, 1);
      FLWRCPP_RETURN_IF_ERROR(batch->Read(record, 0, label));
      FLWRCPP_RETURN_IF_ERROR(internal::CheckLabels(label, kFormat.num_classes, batch->path()));
      FLWRCPP_RETURN_IF_ERROR(
          batch->Read(record, 1,
                      std::span(dataset.images)
                          .subspan(pick.place * kFormat.image_size(), kFormat.image_size())));
    }
    return dataset;
  }

 private:
  StatusOr<std::vector<Batch>> OpenSplit(std::string_view split) const {
    std::vector<std::string> names;
    if (split == kTrainSplit) {
      names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
               "data_batch_5.bin"};
    } else if (split == kTestSplit) {
      names = {"test_batch.bin"};
    } else {
      return InvalidArgument("CIFAR-10 has the splits train and test, not '{}'", split);
    }
    std::error_code error;  // A directory that cannot be looked into is reported by Open.
    const std::filesystem::path below = directory_ / "cifar-10-batches-bin";
    const std::filesystem::path& directory =
        std::filesystem::is_directory(below, error) ? below : directory_;
    std::vector<Batch> batches;
    for (const std::string& name : names) {
      FLWRCPP_ASSIGN_OR_RETURN(Batch batch, Batch::Open(directory / name));
      batches.push_back(std::move(batch));
    }
    return batches;
  }

  std::filesystem::path directory_;
};

}  // namespace

std::unique_ptr<ImageSource> MakeCifar10(std::string directory) {
  return std::make_unique<Cifar10>(std::move(directory));
}

}  // namespace flwrcpp::datasets
