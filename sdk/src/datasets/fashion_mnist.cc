// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
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

/// Magic numbers of IDX files of bytes with one and three dimensions.
constexpr std::uint32_t kLabelsMagic = 0x00000801;
constexpr std::uint32_t kImagesMagic = 0x00000803;

constexpr ImageFormat kFormat = {.channels = 1, .height = 28, .width = 28, .num_classes = 10};

/// A file read from front to end, through gzip if it is compressed.
class GzipFile {
 public:
  static StatusOr<GzipFile> Open(const std::filesystem::path& path) {
    errno = 0;
    gzFile file = gzopen(path.c_str(), "rb");
    if (file == nullptr) {
      const int error = errno;
      return MakeError(
          error == ENOENT || error == ENOTDIR ? StatusCode::kNotFound : StatusCode::kUnavailable,
          "cannot open '{}': {}", path.string(), std::generic_category().message(error));
    }
    gzbuffer(file, 1U << 17);
    return GzipFile(file, path.string());
  }

  const std::string& path() const { return path_; }

  /// Fills `out`, or fails: an end within it is damage.
  Status Read(std::span<std::uint8_t> out) {
    const int count = gzread(file_.get(), out.data(), static_cast<unsigned>(out.size()));
    if (count == static_cast<int>(out.size())) return {};
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    return MakeError(StatusCode::kDataLoss, "'{}' {}", path_,
                     code == Z_OK || code == Z_BUF_ERROR ? "ends too early: it is truncated"
                                                         : std::string("is damaged: ") + text);
  }

  StatusOr<std::uint32_t> ReadBigEndian() {
    std::array<std::uint8_t, 4> bytes{};
    FLWRCPP_RETURN_IF_ERROR(Read(bytes));
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };

  GzipFile(gzFile file, std::string path) : file_(file), path_(std::move(path)) {}

  std::unique_ptr<gzFile_s, Close> file_;
  std::string path_;
};

/// Opens an IDX file, as `name.gz` or `name`, and checks its magic number.
StatusOr<GzipFile> OpenIdx(const std::filesystem::path& directory, const std::string& name,
                           std::uint32_t magic) {
  StatusOr<GzipFile> file = GzipFile::Open(directory / (name + ".gz"));
  if (file.status().code() == StatusCode::kNotFound) file = GzipFile::Open(directory / name);
  if (file.status().code() == StatusCode::kNotFound) {
    return MakeError(StatusCode::kNotFound,
                     "Fashion-MNIST: there is no '{}', compressed (.gz) or not; install Debian's "
                     "package dataset-fashion-mnist, or get the four files from "
                     "https://github.com/zalandoresearch/fashion-mnist",
                     (directory / name).string());
  }
  if (!file.ok()) return file;
  FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t found, file->ReadBigEndian());
  if (found != magic) {
    return MakeError(StatusCode::kDataLoss,
                     "'{}' starts with {:#010x}, expected the IDX magic number {:#010x}",
                     file->path(), found, magic);
  }
  return file;
}

class FashionMnist final : public ImageSource {
 public:
  explicit FashionMnist(std::string directory) : directory_(std::move(directory)) {}

  const ImageFormat& format() const override { return kFormat; }

  const std::vector<std::string>& class_names() const override {
    static const std::vector<std::string> names = {
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
    return names;
  }

  StatusOr<std::vector<std::uint8_t>> LoadLabels(std::string_view split) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::string prefix, Prefix(split));
    FLWRCPP_ASSIGN_OR_RETURN(GzipFile file,
                             OpenIdx(directory_, prefix + "-labels-idx1-ubyte", kLabelsMagic));
    FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t count, file.ReadBigEndian());
    // In pieces, so that a wrong count allocates no more than the file holds.
    constexpr std::size_t kPiece = 1U << 16;
    std::vector<std::uint8_t> labels;
    while (labels.size() < count) {
      const std::size_t size = std::min<std::size_t>(kPiece, count - labels.size());
      labels.resize(labels.size() + size);
      FLWRCPP_RETURN_IF_ERROR(file.Read(std::span(labels).last(size)));
    }
    FLWRCPP_RETURN_IF_ERROR(internal::CheckLabels(labels, kFormat.num_classes, file.path()));
    return labels;
  }

  StatusOr<ImageDataset> Load(std::string_view split,
                              std::span<const std::size_t> indices) const override {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, LoadLabels(split));
    FLWRCPP_ASSIGN_OR_RETURN(const std::string prefix, Prefix(split));
    FLWRCPP_ASSIGN_OR_RETURN(GzipFile file,
                             OpenIdx(directory_, prefix + "-images-idx3-ubyte", kImagesMagic));
    FLWRCPP_RETURN_IF_ERROR(CheckImages(file, labels.size()));
    const std::vector<internal::Pick> picks = internal::SortedPicks(indices);
    FLWRCPP_RETURN_IF_ERROR(internal::CheckPicks(picks, labels.size(), file.path()));

    ImageDataset dataset;
    dataset.format = kFormat;
    dataset.labels.resize(picks.size());
    dataset.images.resize(picks.size() * kFormat.image_size());
    std::vector<std::uint8_t> image(kFormat.image_size());
    std::size_t read = 0;  // Images read so far; `image` is the last of them.
    for (const internal::Pick& pick : picks) {
      for (; read <= pick.index; ++read) FLWRCPP_RETURN_IF_ERROR(file.Read(image));
      dataset.labels[pick.place] = labels[pick.index];
      std::copy(
          image.begin(), image.end(),
          dataset.images.begin() + static_cast<std::ptrdiff_t>(pick.place * kFormat.image_size()));
    }
    return dataset;
  }

 private:
  static StatusOr<std::string> Prefix(std::string_view split) {
    if (split == kTrainSplit) return "train";
    if (split == kTestSplit) return "t10k";
    return InvalidArgument("Fashion-MNIST has the splits train and test, not '{}'", split);
  }

  static Status CheckImages(GzipFile& file, std::size_t num_labels) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t count, file.ReadBigEndian());
    FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t height, file.ReadBigEndian());
    FLWRCPP_ASSIGN_OR_RETURN(const std::uint32_t width, file.ReadBigEndian());
    if (height != static_cast<std::uint32_t>(kFormat.height) ||
        width != static_cast<std::uint32_t>(kFormat.width)) {
      return MakeError(StatusCode::kDataLoss, "'{}' has images of {}x{}, expected {}x{}",
                       file.path(), height, width, kFormat.height, kFormat.width);
    }
    if (count != num_labels) {
      return MakeError(StatusCode::kDataLoss, "'{}' has {} images, but there are {} labels",
                       file.path(), count, num_labels);
    }
    return {};
  }

  std::filesystem::path directory_;
};

}  // namespace

std::unique_ptr<ImageSource> MakeFashionMnist(std::string directory) {
  return std::make_unique<FashionMnist>(std::move(directory));
}

}  // namespace flwrcpp::datasets
