// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server/secagg/model.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "records/only_record.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr char kNumExamples[] = "num-examples";
/// Stands for an empty list in classic records.
constexpr char kEmptyMark[] = "_empty";

StatusOr<std::vector<std::uint64_t>> ReadNpy(const ByteString& file,
                                             const std::vector<std::int64_t>& shape) {
  FLWRCPP_ASSIGN_OR_RETURN(const Array array, Array::FromNpy(Bytes(file.value)));
  FLWRCPP_ASSIGN_OR_RETURN(const NpyHeader header, array.Header());
  if (header.shape != shape) {
    return InvalidArgument("it has the shape ({}), expected ({})", fmt::join(header.shape, ", "),
                           fmt::join(shape, ", "));
  }
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::int64_t> values, array.ToVector<std::int64_t>());
  return std::vector<std::uint64_t>(values.begin(), values.end());
}

template <typename T>
StatusOr<Array> WriteArray(const char* dtype, const std::vector<std::int64_t>& shape,
                           const std::vector<std::uint64_t>& sum, const Dequantizer& dequantize) {
  return Array::Build(dtype, shape, [&](std::span<std::byte> bytes) {
    T* const out = reinterpret_cast<T*>(bytes.data());
    for (std::size_t i = 0; i < sum.size(); ++i) out[i] = static_cast<T>(dequantize(sum[i]));
  });
}

}  // namespace

StatusOr<Model> Model::Of(const ArrayRecord& arrays) {
  Model model;
  for (const auto& [name, array] : arrays) {
    const StatusOr<NpyHeader> header = array.Header();
    if (!header.ok()) return Annotate(header.status(), fmt::format("array '{}'", name));
    const bool is_float32 = header->descr == "<f4" || header->descr == ">f4";
    model.items_.push_back({name, header->shape, is_float32 ? "float32" : "float64"});
  }
  return model;
}

StatusOr<MaskedArrays> Model::Read(const std::vector<ByteString>& files) const {
  if (files.size() != items_.size() + 1) {
    return InvalidArgument("{} masked arrays, expected {} and the weight", files.size(),
                           items_.size());
  }
  MaskedArrays arrays;
  for (std::size_t i = 0; i < files.size(); ++i) {
    StatusOr<std::vector<std::uint64_t>> array =
        ReadNpy(files[i], i == 0 ? std::vector<std::int64_t>{1} : items_[i - 1].shape);
    if (!array.ok()) {
      return Annotate(array.status(),
                      i == 0 ? "masked weight" : fmt::format("masked '{}'", items_[i - 1].name));
    }
    arrays.push_back(*std::move(array));
  }
  return arrays;
}

StatusOr<ArrayRecord> Model::Write(const MaskedArrays& sum, const Dequantizer& dequantize) const {
  ArrayRecord arrays;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    FLWRCPP_ASSIGN_OR_RETURN(
        Array array, item.dtype == "float32"
                         ? WriteArray<float>("float32", item.shape, sum[i + 1], dequantize)
                         : WriteArray<double>("float64", item.shape, sum[i + 1], dequantize));
    arrays.Set(item.name, std::move(array));
  }
  return arrays;
}

StatusOr<RecordDict> ToFitIns(const RecordDict& instruction) {
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const arrays,
                           FindOnly<ArrayRecord>(instruction, "ArrayRecord"));
  FLWRCPP_ASSIGN_OR_RETURN(const RecordDict::Item* const config,
                           FindOnly<ConfigRecord>(instruction, "ConfigRecord"));
  ArrayRecord parameters;
  for (const auto& item : std::get<ArrayRecord>(arrays->second))
    parameters.Set(std::to_string(parameters.size()), item.second);
  if (parameters.empty()) parameters.Set(kEmptyMark, Array());
  RecordDict fit_ins;
  fit_ins.Set("fitins.parameters", std::move(parameters));
  fit_ins.Set("fitins.config", config->second);
  return fit_ins;
}

StatusOr<FitRes> ReadFitRes(const RecordDict& content) {
  const MetricRecord* const examples = content.FindMetrics("fitres.num_examples");
  const MetricValue* const count = examples == nullptr ? nullptr : examples->Find("num_examples");
  const auto* const number = count == nullptr ? nullptr : std::get_if<std::int64_t>(count);
  if (number == nullptr || *number < 0) {
    return InvalidArgument("no number of examples in MetricRecord 'fitres.num_examples'");
  }
  const ConfigRecord* const status = content.FindConfig("fitres.status");
  if (status != nullptr && status->GetInt("code").value_or(0) != 0) {
    return InvalidArgument("the client did not train: {}",
                           status->GetString("message").value_or(""));
  }
  FitRes result;
  result.num_examples = *number;
  if (const ConfigRecord* const metrics = content.FindConfig("fitres.metrics")) {
    for (const auto& item : *metrics) {
      std::visit(
          [&](const auto& value) {
            using Value = std::decay_t<decltype(value)>;
            if constexpr (std::is_constructible_v<MetricValue, Value> &&
                          !std::is_same_v<Value, bool>) {
              result.metrics.Set(item.first, value);
            }
          },
          item.second);
    }
  }
  result.metrics.Set(kNumExamples, *number);
  return result;
}

}  // namespace flwrcpp::internal::secagg
