// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "privacy/clipping.h"

#include <array>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrays/array_layout.h"
#include "arrays/real_array.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// An array of the update, ready to be read.
struct UpdatedArray {
  std::string key;
  RealReader global;
  RealReader updated;
};

StatusOr<std::vector<UpdatedArray>> OpenUpdate(const ArrayRecord& global, ArrayRecord& arrays) {
  FLWRCPP_ASSIGN_OR_RETURN(const ArrayLayout layout, ArrayLayout::OfGlobalModel(global));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<OpenedArray> opened, layout.Open(arrays));
  std::vector<UpdatedArray> update;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const std::string& key = layout.items()[i].key;
    StatusOr<RealReader> before = RealReader::Open(*global.Find(key));
    if (!before.ok()) return Annotate(before.status(), "array '" + key + "' of the global model");
    StatusOr<RealReader> after = RealReader::Open(*opened[i].array);
    if (!after.ok()) return Annotate(after.status(), "array '" + key + "'");
    update.push_back({key, *std::move(before), *std::move(after)});
  }
  return update;
}

/// The sum of the squares of what changed; NaN or infinite if an element is.
double SquaredNorm(const UpdatedArray& array) {
  double sum = 0;
  WithWorkType(array.updated.result_descr(), [&]<typename T>() {
    std::array<T, kBlockElements> before;
    std::array<T, kBlockElements> after;
    ForEachBlock(array.updated.count(), [&](std::size_t begin, std::size_t count) {
      array.global.Read(begin, std::span(before).first(count));
      array.updated.Read(begin, std::span(after).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        const double change = static_cast<double>(after[i]) - static_cast<double>(before[i]);
        sum += change * change;
      }
    });
  });
  return sum;
}

StatusOr<Array> Scaled(const UpdatedArray& array, double factor) {
  const std::string& descr = array.updated.result_descr();
  FLWRCPP_ASSIGN_OR_RETURN(RealWriter writer, RealWriter::Allocate(descr, array.updated.shape()));
  WithWorkType(descr, [&]<typename T>() {
    std::array<T, kBlockElements> before;
    std::array<T, kBlockElements> after;
    ForEachBlock(array.updated.count(), [&](std::size_t begin, std::size_t count) {
      array.global.Read(begin, std::span(before).first(count));
      array.updated.Read(begin, std::span(after).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        const double from = before[i];
        after[i] = static_cast<T>(from + (static_cast<double>(after[i]) - from) * factor);
      }
      writer.Write(begin, std::span<const T>(after).first(count));
    });
  });
  return writer.Finish();
}

}  // namespace

StatusOr<bool> ClipUpdate(const ArrayRecord& global, ArrayRecord& arrays, double clipping_norm) {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<UpdatedArray> update, OpenUpdate(global, arrays));
  double sum = 0;
  for (const UpdatedArray& array : update) {
    sum += SquaredNorm(array);
    if (std::isfinite(sum)) continue;
    return InvalidArgument("array '{}': the norm of the update is {}, expected a finite number",
                           array.key, sum);
  }
  const double norm = std::sqrt(sum);
  if (norm <= clipping_norm) return false;
  while (!update.empty()) {
    const UpdatedArray array = std::move(update.back());
    update.pop_back();  // so that the old array is let go with this one
    StatusOr<Array> scaled = Scaled(array, clipping_norm / norm);
    if (!scaled.ok()) return Annotate(scaled.status(), "array '" + array.key + "'");
    *arrays.Find(array.key) = *std::move(scaled);
  }
  return true;
}

Status CheckFinite(const ArrayRecord& arrays) {
  for (const auto& [key, array] : arrays) {
    const StatusOr<RealReader> reader = RealReader::Open(array);
    if (!reader.ok()) return Annotate(reader.status(), "array '" + key + "'");
    bool finite = true;
    WithWorkType(reader->result_descr(), [&]<typename T>() {
      std::array<T, kBlockElements> block;
      ForEachBlock(reader->count(), [&](std::size_t begin, std::size_t count) {
        reader->Read(begin, std::span(block).first(count));
        for (std::size_t i = 0; i < count; ++i) finite &= std::isfinite(block[i]);
      });
    });
    if (!finite) return InvalidArgument("array '{}' holds NaN or infinity", key);
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
