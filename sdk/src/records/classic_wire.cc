// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "records/classic_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "internal/errors.h"

namespace flwrcpp::internal::classic {
namespace {

using flwr::proto::Parameters;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

/// Tag and length in front of a length-delimited field.
std::string FieldHead(int field, std::uint64_t size) {
  std::uint8_t buffer[20];
  std::uint8_t* end = CodedOutputStream::WriteVarint32ToArray(
      WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), buffer);
  end = CodedOutputStream::WriteVarint64ToArray(size, end);
  return {reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(end - buffer)};
}

}  // namespace

ArrayRecord ReadTensors(const Parameters& parameters, const std::shared_ptr<const void>& owner) {
  ArrayRecord record;
  for (int i = 0; i < parameters.tensors_size(); ++i) {
    record.Set(std::to_string(i),
               Array("", {}, parameters.tensor_type(), {Bytes(owner, parameters.tensors(i))}));
  }
  return record;
}

Status WriteScalars(const ConfigRecord& record, std::string_view where, ScalarMap& proto) {
  constexpr auto kMaxSigned = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  ConfigRecord scalars;
  for (const auto& [key, value] : record) {
    const auto* const number = std::get_if<std::uint64_t>(&value);
    if (number != nullptr && *number <= kMaxSigned) {
      // Python has one integer type: only what does not fit a signed one travels unsigned.
      scalars.Set(key, static_cast<std::int64_t>(*number));
    } else {
      scalars.Set(key, value);
    }
  }
  ToProto(scalars, proto);
  for (const auto& item : scalars) {
    if (!proto.contains(item.first)) {
      return InvalidArgument("{}: '{}' is a list, which the classic stream cannot carry", where,
                             item.first);
    }
  }
  return absl::OkStatus();
}

StatusOr<std::vector<Bytes>> WithTensors(const MessageShape& shape,
                                         const google::protobuf::MessageLite& rest,
                                         const ArrayRecord& arrays) {
  // Of an empty list the mark may know the type.
  std::string tensor_type = arrays.empty() ? "" : arrays.item(0).second.stype();
  if (tensor_type.empty() && (arrays.empty() || arrays.item(0).first == kEmptyMark)) {
    tensor_type = Array::kNumpyStype;
  }
  std::vector<Bytes> tensors;
  for (const auto& [name, array] : arrays) {
    if (name == kEmptyMark) continue;
    if (array.stype() != tensor_type) {
      return InvalidArgument(
          "array '{}' is of stype '{}', but the classic stream has one for all arrays, here '{}'",
          name, array.stype(), tensor_type);
    }
    tensors.emplace_back(FieldHead(Parameters::kTensorsFieldNumber, array.data_size()));
    for (const Bytes& segment : array.segments()) tensors.push_back(segment);
  }
  tensors.emplace_back(FieldHead(Parameters::kTensorTypeFieldNumber, tensor_type.size()) +
                       tensor_type);

  const std::size_t tensors_size = TotalSize(tensors);
  std::string front = rest.SerializeAsString();
  front += FieldHead(shape.parameters_field, tensors_size);
  std::vector<Bytes> pieces;
  pieces.reserve(tensors.size() + 1);
  pieces.emplace_back(FieldHead(shape.field, front.size() + tensors_size) + front);
  for (Bytes& piece : tensors) pieces.push_back(std::move(piece));
  return pieces;
}

std::size_t TotalSize(std::span<const Bytes> pieces) {
  std::size_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

}  // namespace flwrcpp::internal::classic
