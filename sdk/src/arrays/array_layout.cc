// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "arrays/array_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// As Python writes a tuple.
std::string ShapeText(const std::vector<std::int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

struct Contents {
  NpyHeader header;
  MeanKernels kernels;
};

StatusOr<Contents> Read(const std::string& key, const Array& array) {
  StatusOr<NpyHeader> header = array.Header();
  if (!header.ok()) return Annotate(header.status(), fmt::format("array '{}'", key));
  const std::optional<MeanKernels> kernels = FindMeanKernels(header->descr);
  if (!kernels.has_value()) {
    return InvalidArgument("array '{}' has dtype {}, which cannot be averaged", key,
                           DtypeOfDescr(header->descr));
  }
  return Contents{*std::move(header), *kernels};
}

}  // namespace

bool IsFortran(const NpyHeader& header) {
  return header.fortran_order && std::count_if(header.shape.begin(), header.shape.end(),
                                               [](std::int64_t n) { return n != 1; }) > 1;
}

StatusOr<ArrayLayout> ArrayLayout::Of(const ArrayRecord& arrays) {
  ArrayLayout layout;
  for (const auto& [key, array] : arrays) {
    FLWRCPP_ASSIGN_OR_RETURN(const Contents contents, Read(key, array));
    layout.items_.push_back(
        {key, contents.header.shape, std::string(contents.kernels.result_descr)});
  }
  return layout;
}

StatusOr<ArrayLayout> ArrayLayout::OfReply(const ArrayRecord& arrays, std::uint64_t node_id) {
  FLWRCPP_ASSIGN_OR_RETURN(ArrayLayout layout, Of(arrays));
  layout.types_matter_ = true;
  layout.owner_ = fmt::format("node {}", node_id);
  layout.has_ = "sent";
  layout.lacks_ = "did not send";
  return layout;
}

StatusOr<ArrayLayout> ArrayLayout::OfGlobalModel(const ArrayRecord& arrays) {
  StatusOr<ArrayLayout> layout = Of(arrays);
  if (!layout.ok()) return Annotate(layout.status(), "global model");
  layout->owner_ = "the global model";
  return layout;
}

StatusOr<std::vector<OpenedArray>> ArrayLayout::Open(ArrayRecord& arrays) const {
  std::vector<OpenedArray> opened;
  for (const Item& item : items_) {
    Array* const array = arrays.Find(item.key);
    if (array == nullptr) {
      return InvalidArgument("misses key '{}' that {} {}", item.key, owner_, has_);
    }
    FLWRCPP_ASSIGN_OR_RETURN(Contents contents, Read(item.key, *array));
    if (contents.header.shape != item.shape) {
      return InvalidArgument("array '{}' has shape {}, {} {} {}", item.key,
                             ShapeText(contents.header.shape), owner_, has_, ShapeText(item.shape));
    }
    // What counts is the type of the mean: one node may keep as int64 what another one has taken
    // over as float64 from an earlier mean.
    if (types_matter_ && contents.kernels.result_descr != item.result_descr) {
      return InvalidArgument("array '{}' has dtype {}, which does not fit the {} of {}", item.key,
                             DtypeOfDescr(contents.header.descr), DtypeOfDescr(item.result_descr),
                             owner_);
    }
    opened.push_back({array, std::move(contents.header), contents.kernels});
  }
  if (arrays.size() != items_.size()) {
    const auto unknown =
        std::find_if(arrays.begin(), arrays.end(), [&](const ArrayRecord::Item& array) {
          return std::none_of(items_.begin(), items_.end(),
                              [&](const Item& item) { return item.key == array.first; });
        });
    return InvalidArgument("has key '{}' that {} {}", unknown->first, owner_, lacks_);
  }
  return opened;
}

Status CheckReal(const ArrayRecord& arrays) {
  for (const auto& [key, array] : arrays) {
    FLWRCPP_ASSIGN_OR_RETURN(const Contents contents, Read(key, array));
    if (contents.kernels.result_descr[1] != 'f') {
      return InvalidArgument("array '{}' has dtype {}, expected real numbers", key,
                             DtypeOfDescr(contents.header.descr));
    }
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
