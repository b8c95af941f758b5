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

#include "flwrcpp/datasets/data_source.h"
#include "flwrcpp/datasets/table.h"
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

/// Names of the columns in which a `Table` has images and their labels.
inline constexpr std::string_view kImageColumn = "image";
inline constexpr std::string_view kLabelColumn = "label";

/// `images` as a table: bytes of shape {channels, height, width} and labels. Copies no image.
/// @return `kInvalidArgument` if there are not as many images as labels, or they have no form.
StatusOr<Table> ToTable(ImageDataset images);

/// The images of a table that has the columns of `ToTable`, whatever columns it has beside them.
/// Copies no image.
/// @return `kNotFound` without these columns, `kInvalidArgument` if they are no images of `format`
///   or a label is no class of it.
StatusOr<ImageDataset> ToImages(Table table, const ImageFormat& format);

/// A labelled image dataset on disk with the splits "train" and "test". As a `DataSource` it has
/// the columns of `ToTable`. Thread-safe.
class ImageSource : public DataSource {
 public:
  virtual const ImageFormat& format() const = 0;

  /// Names of the classes, `format().num_classes` of them.
  virtual const std::vector<std::string>& class_names() const = 0;

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

  std::vector<std::string> splits() const override;
  StatusOr<std::size_t> NumRows(std::string_view split) const override;
  StatusOr<Column> LoadColumn(std::string_view split, std::string_view name) const override;
  StatusOr<Table> LoadRows(std::string_view split,
                           std::span<const std::size_t> rows) const override;
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
