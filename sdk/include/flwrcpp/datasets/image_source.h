// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Form of the images of a dataset.
struct ImageFormat {
  int channels = 0;
  int height = 0;
  int width = 0;
  int num_classes = 0;

  /// Bytes of one image.
  std::size_t image_size() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(width);
  }
  friend bool operator==(const ImageFormat&, const ImageFormat&) = default;
};

/// Labelled images of one form, as the bytes of the files.
struct ImageDataset {
  ImageFormat format;
  /// `size() * format.image_size()` bytes: image by image, channel by channel, row by row.
  std::vector<std::uint8_t> images;
  /// Class of each image, below `format.num_classes`.
  std::vector<std::uint8_t> labels;

  std::size_t size() const { return labels.size(); }
  std::span<const std::uint8_t> image(std::size_t i) const {
    return std::span(images).subspan(i * format.image_size(), format.image_size());
  }
};

/// Names of the splits, as flwr-datasets has them.
inline constexpr std::string_view kTrainSplit = "train";
inline constexpr std::string_view kTestSplit = "test";

/// A labelled image dataset on disk that hands out labels and chosen images, so that a node holds
/// only its own partition in memory. Thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual const ImageFormat& format() const = 0;

  /// The labels of a split, in the order of its files.
  /// @return `kInvalidArgument` for an unknown split, `kNotFound` naming the file that is missing
  ///   and where to get it, `kDataLoss` for a damaged file.
  virtual StatusOr<std::vector<std::uint8_t>> LoadLabels(std::string_view split) const = 0;

  /// The images and labels at `indices` of a split, in the order of `indices`. Reads no further
  /// than the last one.
  /// @return as `LoadLabels`; `kOutOfRange` for an index beyond the split.
  virtual StatusOr<ImageDataset> Load(std::string_view split,
                                      std::span<const std::size_t> indices) const = 0;

  /// All of a split.
  StatusOr<ImageDataset> LoadAll(std::string_view split) const;
};

/// Where Debian's package `dataset-fashion-mnist` puts its files.
inline constexpr std::string_view kFashionMnistDirectory = "/usr/share/datasets/fashion-mnist";

/// Fashion-MNIST (or another dataset in the four files of MNIST): 28x28 grey images of 10 classes
/// in IDX files, gzipped (`train-images-idx3-ubyte.gz`, …) or plain.
std::unique_ptr<ImageSource> MakeFashionMnist(std::string directory);

/// CIFAR-10 in its binary form: 3x32x32 images of 10 classes in `data_batch_1.bin` to
/// `data_batch_5.bin` and `test_batch.bin`, in `directory` or in its `cifar-10-batches-bin`.
std::unique_ptr<ImageSource> MakeCifar10(std::string directory);

/// The source called `name`: "fashion-mnist" or "cifar10". An empty `directory` stands for
/// `kFashionMnistDirectory`; CIFAR-10 has no such place. Opens no file.
/// @return `kInvalidArgument` for another name, or no directory for "cifar10".
StatusOr<std::unique_ptr<ImageSource>> MakeImageSource(const std::string& name,
                                                       const std::string& directory);

}  // namespace flwrcpp::datasets
