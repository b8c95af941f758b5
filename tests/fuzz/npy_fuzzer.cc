// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// `.npy` files: what Array and the header reader make of any bytes, in one piece and in several.

#include <algorithm>
#include <span>

#include "flwrcpp/array.h"
#include "records/npy.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/support/golden.h"

namespace flwrcpp::fuzz {
namespace {

/// Three segments, cut at `cut` and one byte later.
std::vector<Bytes> Cut(std::string_view npy, std::size_t cut) {
  const std::string_view rest = npy.substr(std::min(cut, npy.size()));
  return {Bytes(std::string(npy.substr(0, cut))), Bytes(std::string(rest.substr(0, 1))),
          Bytes(std::string(rest.substr(std::min<std::size_t>(1, rest.size()))))};
}

bool SameHeader(const NpyHeader& a, const NpyHeader& b) {
  return a.descr == b.descr && a.fortran_order == b.fortran_order && a.shape == b.shape &&
         a.item_size == b.item_size;
}

void CheckElements(const Array& whole, const Array& cut, const NpyHeader& header) {
  std::vector<std::byte> elements(whole.data_size() - header.data_offset);
  Require(whole.CopyElements(elements).ok(), "elements of an accepted array can be copied");
  std::vector<std::byte> others(elements.size());
  Require(cut.CopyElements(others).ok() && elements == others,
          "elements do not depend on the segments");
  const StatusOr<std::vector<float>> floats = whole.ToVector<float>();
  Require(!floats.ok() || floats->size() * sizeof(float) == elements.size(),
          "a vector has all elements");
  static_cast<void>(whole.ToVector<bool>().ok());
  static_cast<void>(whole.ToVector<std::int64_t>().ok());
}

void CheckRewritten(const NpyHeader& header) {
  const std::string prefix =
      internal::MakeNpyPrefix(header.descr, header.fortran_order, header.shape);
  if (prefix.size() > internal::kMaxNpyHeaderText) return;  // ours has spaces that it may lack
  const StatusOr<NpyHeader> again = internal::ParseNpyPrefix(prefix);
  Require(again.ok() && SameHeader(*again, header), "a header written again says the same");
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto add = [&](char cut, const std::string& npy) { seeds.push_back(cut + npy); };
  for (const auto& object : testing::Vectors().at("worked_example_instruction").at("objects")) {
    if (object.at("type") != "ArrayChunk") continue;
    const std::string content = testing::FromHex(object.at("content_hex"));
    add(20, content.substr(content.find('\0') + 1));
  }
  for (const char* descr : {">f8", "|b1", "<U3", "<M8[ns]", "<c16", ">i8"}) {
    const std::size_t item_size = internal::ItemSizeOfDescr(descr);
    add(3, internal::MakeNpyPrefix(descr, false, {2, 1}) + std::string(2 * item_size, 'x'));
    add(99, internal::MakeNpyPrefix(descr, true, {2, 3}) + std::string(6 * item_size, 'y'));
  }
  const std::string text = "{\"shape\": (), 'fortran_order': False, 'descr': '<f4'}\n";
  add(0, std::string("\x93NUMPY\x02\x00", 8) + static_cast<char>(text.size()) +
             std::string(3, '\0') + text + "abcd");
  return seeds;
}

}  // namespace flwrcpp::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flwrcpp;
  using fuzz::Require;
  fuzz::InputReader reader(fuzz::AsText(data, size));
  const std::size_t cut_at = reader.Byte();
  const std::string_view npy = reader.Rest();

  const StatusOr<Array> whole = Array::FromNpy(Bytes(std::string(npy)));
  const Array cut("", {}, std::string(Array::kNumpyStype), fuzz::Cut(npy, cut_at));
  Require(whole.ok() == cut.Header().ok(), "acceptance does not depend on the segments");
  if (!whole.ok()) return 0;

  const StatusOr<NpyHeader> header = whole->Header();
  Require(header.ok() && header->shape == whole->shape(), "the shape is that of the header");
  Require(whole->Contiguous().view() == npy && cut.Contiguous().view() == npy,
          "an array's bytes are those it was read from");
  fuzz::CheckElements(*whole, cut, *header);
  fuzz::CheckRewritten(*header);
  return 0;
}
