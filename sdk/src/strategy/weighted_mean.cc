// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/weighted_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "arrays/float16.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

/// Elements are read in blocks that stay in the first-level cache: a reply's chunks may be cut
/// anywhere and lie at any address, the arithmetic wants neither.
constexpr std::size_t kBlockBytes = std::size_t{16} * 1024;

/// The part that a record has in the mean.
struct Share {
  bool first = false;  ///< Nothing is in the mean yet.
  double keep = 0;
  double take = 0;
};

void AddBlock(const MeanKernels& kernels, const Share& share, const std::byte* values,
              std::size_t count, std::byte* mean) {
  if (share.first) {
    kernels.assign(mean, values, count);
  } else {
    kernels.blend(mean, values, count, share.keep, share.take);
  }
}

/// Adds an array whose elements lie in the order of `mean`.
void AddInOrder(const Array& array, const NpyHeader& header, const MeanKernels& kernels,
                const Share& share, std::byte* mean) {
  alignas(64) std::byte block[kBlockBytes];
  const std::size_t count = static_cast<std::size_t>(header.element_count());
  const std::size_t block_count = kBlockBytes / header.item_size;
  for (std::size_t begin = 0; begin < count; begin += block_count) {
    const std::size_t n = std::min(block_count, count - begin);
    const std::span<std::byte> values(block, n * header.item_size);
    array.CopyData(header.data_offset + begin * header.item_size, values);
    if (kernels.swap_size > 0) ReverseBytes(values, kernels.swap_size);
    AddBlock(kernels, share, block, n, mean + begin * kernels.mean_item_size);
  }
}

/// The same elements in C order. An array that changes its order from node to node is rare enough
/// that it may be held twice for a moment.
StatusOr<NpyBuffer> ToCOrder(const NpyBuffer& fortran) {
  FLWRCPP_ASSIGN_OR_RETURN(const Array array, fortran.ToArray());
  FLWRCPP_ASSIGN_OR_RETURN(NpyHeader header, array.Header());
  header.fortran_order = false;
  const std::size_t size = array.data_size() - header.data_offset;
  FLWRCPP_ASSIGN_OR_RETURN(NpyBuffer c_order, NpyBuffer::Allocate(header, size));
  FLWRCPP_RETURN_IF_ERROR(array.CopyElements(std::span(c_order.data(), size)));
  return c_order;
}

/// Rounds a float32 accumulator to the float16 array it stands for.
StatusOr<NpyBuffer> ToFloat16Buffer(const NpyBuffer& mean, const NpyHeader& header,
                                    std::size_t count) {
  FLWRCPP_ASSIGN_OR_RETURN(NpyBuffer result, NpyBuffer::Allocate(header, count * sizeof(Float16)));
  const auto* in = reinterpret_cast<const float*>(mean.data());
  auto* out = reinterpret_cast<Float16*>(result.data());
  for (std::size_t i = 0; i < count; ++i) out[i] = ToFloat16(in[i]);
  return result;
}

}  // namespace

Status WeightedArrayMean::Add(std::uint64_t node_id, ArrayRecord arrays, double weight) {
  if (!std::isfinite(weight) || weight < 0) {
    return InvalidArgument("expected a finite weight of at least 0, got {}", weight);
  }
  if (!std::isfinite(total_weight_ + weight)) {
    return InvalidArgument("the sum of the weights overflows with weight {}", weight);
  }
  if (layout_.has_value()) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<OpenedArray> opened, layout_->Open(arrays));
    return AddArrays(opened, weight, entries_);
  }
  FLWRCPP_ASSIGN_OR_RETURN(ArrayLayout layout, ArrayLayout::OfReply(arrays, node_id));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<OpenedArray> opened, layout.Open(arrays));
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    Entry& entry = entries.emplace_back();
    entry.layout = layout.items()[i];
    entry.count = opened[i].count();
    entry.mean_item_size = opened[i].kernels.mean_item_size;
  }
  FLWRCPP_RETURN_IF_ERROR(AddArrays(opened, weight, entries));
  entries_ = std::move(entries);
  layout_ = std::move(layout);
  return absl::OkStatus();
}

Status WeightedArrayMean::AddArrays(const std::vector<OpenedArray>& arrays, double weight,
                                    std::vector<Entry>& entries) {
  if (weight == 0) return absl::OkStatus();
  // Whatever may fail comes first: memory, and the reordering of what is there.
  std::size_t reordered_size = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    const bool fortran_order = IsFortran(arrays[i].header);
    if (total_weight_ == 0) {
      entry.fortran_order = fortran_order;
      NpyHeader header;
      header.descr = entry.layout.result_descr == "<f2" ? "<f4" : entry.layout.result_descr;
      header.shape = entry.layout.shape;
      header.fortran_order = fortran_order;
      FLWRCPP_ASSIGN_OR_RETURN(entry.mean,
                               NpyBuffer::Allocate(header, entry.count * entry.mean_item_size));
    } else if (entry.fortran_order && !fortran_order) {
      FLWRCPP_ASSIGN_OR_RETURN(entry.mean, ToCOrder(entry.mean));
      entry.fortran_order = false;
    } else if (!entry.fortran_order && fortran_order) {
      reordered_size = std::max(reordered_size, entry.count * arrays[i].header.item_size);
    }
  }
  const std::unique_ptr<std::byte[]> reordered(new (std::nothrow) std::byte[reordered_size]);
  if (reordered == nullptr) {
    return MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", reordered_size);
  }

  Share share;
  share.first = total_weight_ == 0;
  share.take = weight / (total_weight_ + weight);
  share.keep = 1 - share.take;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const auto& [array, header, kernels] = arrays[i];
    if (IsFortran(header) == entry.fortran_order) {
      AddInOrder(*array, header, kernels, share, entry.mean.data());
    } else {
      FLWRCPP_RETURN_IF_ERROR(
          array->CopyElements(std::span(reordered.get(), entry.count * header.item_size)));
      AddBlock(kernels, share, reordered.get(), entry.count, entry.mean.data());
    }
    *array = Array();
  }
  total_weight_ += weight;
  return absl::OkStatus();
}

StatusOr<ArrayRecord> WeightedArrayMean::Finish() {
  if (total_weight_ == 0) {
    return MakeError(StatusCode::kFailedPrecondition, "the weights of all records sum up to 0");
  }
  ArrayRecord result;
  for (Entry& entry : entries_) {
    NpyBuffer mean = std::move(entry.mean);
    if (entry.layout.result_descr == "<f2") {
      NpyHeader header;
      header.descr = entry.layout.result_descr;
      header.shape = entry.layout.shape;
      header.fortran_order = entry.fortran_order;
      FLWRCPP_ASSIGN_OR_RETURN(mean, ToFloat16Buffer(mean, header, entry.count));
    }
    FLWRCPP_ASSIGN_OR_RETURN(Array array, mean.ToArray());
    result.Set(std::move(entry.layout.key), std::move(array));
  }
  return result;
}

}  // namespace flwrcpp::internal
