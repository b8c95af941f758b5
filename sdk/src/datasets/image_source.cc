// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/datasets/image_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "datasets/selection.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::datasets {

StatusOr<ImageDataset> ImageSource::LoadAll(std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, LoadLabels(split));
  std::vector<std::size_t> indices(labels.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return Load(split, indices);
}

std::vector<std::string> ImageSource::splits() const {
  return {std::string(kTrainSplit), std::string(kTestSplit)};
}

StatusOr<std::size_t> ImageSource::NumRows(std::string_view split) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, LoadLabels(split));
  return labels.size();
}

StatusOr<Column> ImageSource::LoadColumn(std::string_view split, std::string_view name) const {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, LoadLabels(split));
  if (name == kLabelColumn) return Column(std::vector<std::int64_t>(labels.begin(), labels.end()));
  std::vector<std::size_t> rows(name == kImageColumn ? labels.size() : 0);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  FLWRCPP_ASSIGN_OR_RETURN(const Table table, LoadRows(split, rows));
  FLWRCPP_ASSIGN_OR_RETURN(const Column* const column, table.Find(name));
  return *column;
}

StatusOr<Table> ImageSource::LoadRows(std::string_view split,
                                      std::span<const std::size_t> rows) const {
  FLWRCPP_ASSIGN_OR_RETURN(ImageDataset images, Load(split, rows));
  return ToTable(std::move(images));
}

StatusOr<Table> ToTable(ImageDataset images) {
  const ImageFormat& format = images.format;
  ArrayColumn bytes;
  for (const int length : {format.channels, format.height, format.width}) {
    bytes.row_shape.push_back(static_cast<std::size_t>(std::max(length, 0)));
  }
  bytes.values = std::move(images.images);
  std::vector<std::int64_t> labels(images.labels.begin(), images.labels.end());
  return Table::Make({{std::string(kImageColumn), Column(std::move(bytes))},
                      {std::string(kLabelColumn), Column(std::move(labels))}});
}

StatusOr<ImageDataset> ToImages(Table table, const ImageFormat& format) {
  ImageDataset dataset;
  dataset.format = format;
  FLWRCPP_ASSIGN_OR_RETURN(const auto labels, table.Get<std::int64_t>(kLabelColumn));
  for (const std::int64_t label : labels) {
    if (label < 0 || label >= format.num_classes) {
      return internal::InvalidArgument("label {} is no class, expected 0 to {}", label,
                                       format.num_classes - 1);
    }
    dataset.labels.push_back(static_cast<std::uint8_t>(label));
  }
  FLWRCPP_RETURN_IF_ERROR(table.Find(kImageColumn).status());
  for (Table::NamedColumn& column : std::move(table).TakeColumns()) {
    if (column.name != kImageColumn) continue;
    auto* const arrays = std::get_if<ArrayColumn>(&column.values);
    auto* const bytes =
        arrays == nullptr ? nullptr : std::get_if<std::vector<std::uint8_t>>(&arrays->values);
    if (bytes == nullptr || bytes->size() != dataset.labels.size() * format.image_size()) {
      return internal::InvalidArgument("column '{}' holds no images of {}x{}x{} bytes",
                                       kImageColumn, format.channels, format.height, format.width);
    }
    dataset.images = std::move(*bytes);
  }
  return dataset;
}

StatusOr<std::unique_ptr<ImageSource>> MakeImageSource(const std::string& name,
                                                       const std::string& directory) {
  if (name == "fashion-mnist") {
    return MakeFashionMnist(directory.empty() ? std::string(kFashionMnistDirectory) : directory);
  }
  if (name == "cifar10") {
    if (directory.empty()) {
      return internal::InvalidArgument("the dataset 'cifar10' needs a directory with its files: {}",
                                       internal::kCifar10Origin);
    }
    return MakeCifar10(directory);
  }
  return internal::InvalidArgument("unknown dataset '{}', expected fashion-mnist or cifar10", name);
}

}  // namespace flwrcpp::datasets

namespace flwrcpp::internal {

std::vector<Pick> SortedPicks(std::span<const std::size_t> indices) {
  std::vector<Pick> picks(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) picks[i] = {indices[i], i};
  std::sort(picks.begin(), picks.end());
  return picks;
}

Status CheckPicks(const std::vector<Pick>& picks, std::size_t size, const std::string& where) {
  if (picks.empty() || picks.back().index < size) return {};
  return MakeError(StatusCode::kOutOfRange, "sample {} was asked for, but {} has {} samples",
                   picks.back().index, where, size);
}

Status CheckLabels(std::span<const std::uint8_t> labels, int num_classes,
                   const std::string& where) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= num_classes) {
      return MakeError(StatusCode::kDataLoss, "'{}': label {} is {}, expected 0 to {}", where, i,
                       labels[i], num_classes - 1);
    }
  }
  return {};
}

}  // namespace flwrcpp::internal
