// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/weighted_mean.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "arrays/float16.h"
#include "arrays/npy_buffer.h"
#include "internal/errors.h"
#include "internal/parallel_for.h"
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

/// Reads an array's elements in the order in which they are stored. Lets the array go as it reads,
/// so that what is made of the elements can have its memory.
class ElementReader {
 public:
  explicit ElementReader(const OpenedArray& opened)
      : segments_(opened.array->segments().begin(), opened.array->segments().end()),
        offset_(opened.header.data_offset) {
    *opened.array = Array();
  }

  void Read(std::span<std::byte> out) {
    while (!out.empty()) {
      Bytes& segment = segments_[next_];
      if (offset_ >= segment.size()) {
        offset_ -= segment.size();
        segment = Bytes();
        ++next_;
        continue;
      }
      const std::size_t size = std::min(out.size(), segment.size() - offset_);
      std::memcpy(out.data(), segment.data() + offset_, size);
      out = out.subspan(size);
      offset_ += size;
    }
  }

 private:
  std::vector<Bytes> segments_;
  std::size_t next_ = 0;    // of the segments
  std::size_t offset_ = 0;  // in it
};

/// Adds elements that lie in the order of `mean`.
/// @param read gives the next ones, as many as fit its argument, in the native byte order.
Status AddInBlocks(NpyPieces& mean, const MeanKernels& kernels, std::size_t item_size,
                   const Share& share, const std::function<void(std::span<std::byte>)>& read) {
  alignas(64) std::byte block[kBlockBytes];
  const std::size_t block_count = kBlockBytes / std::max(item_size, kernels.mean_item_size);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(std::span<std::byte> piece, mean.Piece(i));
    while (!piece.empty()) {
      const std::size_t count = std::min(block_count, piece.size() / kernels.mean_item_size);
      read({block, count * item_size});
      if (share.first) {
        kernels.assign(piece.data(), block, count);
      } else {
        kernels.blend(piece.data(), block, count, share.keep, share.take);
      }
      piece = piece.subspan(count * kernels.mean_item_size);
    }
  }
  return absl::OkStatus();
}

/// Adds an array whose elements lie in the order of `mean`, and lets it go.
Status AddInOrder(const OpenedArray& opened, const Share& share, NpyPieces& mean) {
  const MeanKernels& kernels = opened.kernels;
  ElementReader reader(opened);
  return AddInBlocks(mean, kernels, opened.header.item_size, share, [&](std::span<std::byte> out) {
    reader.Read(out);
    if (kernels.swap_size > 0) ReverseBytes(out, kernels.swap_size);
  });
}

/// Adds elements that were brought into the order of `mean` and into the native byte order.
Status AddReordered(std::span<const std::byte> elements, const OpenedArray& opened,
                    const Share& share, NpyPieces& mean) {
  return AddInBlocks(mean, opened.kernels, opened.header.item_size, share,
                     [&](std::span<std::byte> out) {
                       std::memcpy(out.data(), elements.data(), out.size());
                       elements = elements.subspan(out.size());
                     });
}

StatusOr<std::unique_ptr<std::byte[]>> AllocateBytes(std::size_t size) {
  std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[size]);
  if (bytes == nullptr) {
    return MakeError(StatusCode::kResourceExhausted, "no memory for {} bytes", size);
  }
  return bytes;
}

/// The same elements in C order. An array that changes its order from node to node is rare enough
/// that it may be held three times for a moment.
StatusOr<NpyPieces> ToCOrder(const NpyPieces& fortran) {
  const Array array = fortran.ToArray();
  FLWRCPP_ASSIGN_OR_RETURN(NpyHeader header, array.Header());
  header.fortran_order = false;
  const std::size_t size = array.data_size() - header.data_offset;
  NpyPieces c_order(header, size);
  FLWRCPP_ASSIGN_OR_RETURN(const std::unique_ptr<std::byte[]> elements, AllocateBytes(size));
  FLWRCPP_RETURN_IF_ERROR(array.CopyElements(std::span(elements.get(), size)));
  const std::byte* next = elements.get();
  for (std::size_t i = 0; i < c_order.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::span<std::byte> piece, c_order.Piece(i));
    std::memcpy(piece.data(), next, piece.size());
    next += piece.size();
  }
  return c_order;
}

/// Rounds a float32 accumulator to the float16 array it stands for.
StatusOr<Array> ToFloat16Array(NpyPieces mean, const NpyHeader& header, std::size_t count) {
  FLWRCPP_ASSIGN_OR_RETURN(const NpyBuffer result,
                           NpyBuffer::Allocate(header, count * sizeof(Float16)));
  auto* out = reinterpret_cast<Float16*>(result.data());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const std::span<std::byte> piece, mean.Piece(i));
    const auto* const in = reinterpret_cast<const float*>(piece.data());
    const std::size_t n = piece.size() / sizeof(float);
    for (std::size_t k = 0; k < n; ++k) out[k] = ToFloat16(in[k]);
    out += n;
  }
  return result.ToArray();
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
  Share share;
  share.first = total_weight_ == 0;
  share.take = weight / (total_weight_ + weight);
  share.keep = 1 - share.take;

  // Where there is a mean to lose, whatever may fail comes first: the reordering of it. The memory
  // of a first mean comes piece by piece, as the arrays let theirs go.
  std::size_t reordered_size = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    const bool fortran_order = IsFortran(arrays[i].header);
    bytes += entry.count * arrays[i].header.item_size;
    if (share.first) {
      entry.fortran_order = fortran_order;
      NpyHeader header;
      header.descr = entry.layout.result_descr == "<f2" ? "<f4" : entry.layout.result_descr;
      header.shape = entry.layout.shape;
      header.fortran_order = fortran_order;
      entry.mean = NpyPieces(header, entry.count * entry.mean_item_size);
    } else if (entry.fortran_order && !fortran_order) {
      FLWRCPP_ASSIGN_OR_RETURN(entry.mean, ToCOrder(entry.mean));
      entry.fortran_order = false;
    } else if (!entry.fortran_order && fortran_order) {
      reordered_size = std::max(reordered_size, entry.count * arrays[i].header.item_size);
    }
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::unique_ptr<std::byte[]> reordered,
                           AllocateBytes(reordered_size));

  std::mutex mutex;
  Status added;
  ParallelFor(entries.size(), ThreadsForBytes(bytes), [&](std::size_t i) {
    if (IsFortran(arrays[i].header) != entries[i].fortran_order) return;
    Status status = AddInOrder(arrays[i], share, entries[i].mean);
    const std::lock_guard lock(mutex);
    added.Update(std::move(status));
  });
  FLWRCPP_RETURN_IF_ERROR(added);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    if (IsFortran(arrays[i].header) == entry.fortran_order) continue;
    const std::span elements(reordered.get(), entry.count * arrays[i].header.item_size);
    FLWRCPP_RETURN_IF_ERROR(arrays[i].array->CopyElements(elements));
    *arrays[i].array = Array();
    FLWRCPP_RETURN_IF_ERROR(AddReordered(elements, arrays[i], share, entry.mean));
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
    NpyPieces mean = std::move(entry.mean);
    Array array;
    if (entry.layout.result_descr == "<f2") {
      NpyHeader header;
      header.descr = entry.layout.result_descr;
      header.shape = entry.layout.shape;
      header.fortran_order = entry.fortran_order;
      FLWRCPP_ASSIGN_OR_RETURN(array, ToFloat16Array(std::move(mean), header, entry.count));
    } else {
      array = mean.ToArray();
    }
    result.Set(std::move(entry.layout.key), std::move(array));
  }
  return result;
}

}  // namespace flwrcpp::internal
