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
