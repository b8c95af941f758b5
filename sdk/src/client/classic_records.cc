// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include "client/classic_records.h"

#include <cstdint>
#include <string>
#include <utility>

namespace flwrcpp::internal::classic {
namespace {

/// Stands for an empty list, as ArrayRecords of this layer are never empty.
constexpr char kEmptyMark[] = "_empty";

/// Codes of `*.status`.
constexpr std::int64_t kOk = 0;
constexpr std::int64_t kGetPropertiesNotImplemented = 1;
constexpr std::int64_t kGetParametersNotImplemented = 2;
constexpr std::int64_t kFitNotImplemented = 3;
constexpr std::int64_t kEvaluateNotImplemented = 4;

ConfigRecord StatusRecord(const Status& status, std::int64_t code_of_failure) {
  ConfigRecord record;
  record.Set("code", status.ok() ? kOk : code_of_failure);
  record.Set("message", status.ok() ? std::string("Success") : std::string(status.message()));
  return record;
}

MetricRecord NumExamples(std::int64_t num_examples) {
  MetricRecord record;
  record.Set("num_examples", num_examples);
  return record;
}

/// The value of a result, or the default of its type.
template <typename T>
T ValueOrDefault(const StatusOr<T>& result) {
  return result.ok() ? *result : T();
}

}  // namespace

ArrayRecord ReadParameters(const ArrayRecord& parameters) {
  ArrayRecord record;
  for (const auto& [key, array] : parameters) {
    if (key != kEmptyMark) record.Set(std::to_string(record.size()), array);
  }
  return record;
}

ArrayRecord WriteParameters(const ArrayRecord& parameters) {
  ArrayRecord record;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    record.Set(std::to_string(i), parameters.item(i).second);
  }
  if (record.empty()) record.Set(kEmptyMark, Array());
  return record;
}

RecordDict FitReply(const StatusOr<FitRes>& result) {
  const FitRes fit = ValueOrDefault(result);
  RecordDict reply;
  reply.Set(kFitResMetrics, fit.metrics);
  reply.Set(kFitResNumExamples, NumExamples(fit.num_examples));
  reply.Set(kFitResParameters, WriteParameters(fit.parameters));
  reply.Set(kFitResStatus, StatusRecord(result.status(), kFitNotImplemented));
  return reply;
}

RecordDict EvaluateReply(const StatusOr<EvaluateRes>& result) {
  const EvaluateRes evaluate = ValueOrDefault(result);
  MetricRecord loss;
  loss.Set("loss", evaluate.loss);
  RecordDict reply;
  reply.Set("evaluateres.loss", std::move(loss));
  reply.Set("evaluateres.num_examples", NumExamples(evaluate.num_examples));
  reply.Set("evaluateres.metrics", evaluate.metrics);
  reply.Set("evaluateres.status", StatusRecord(result.status(), kEvaluateNotImplemented));
  return reply;
}

RecordDict GetParametersReply(const StatusOr<ArrayRecord>& result) {
  RecordDict reply;
  reply.Set("getparametersres.parameters", WriteParameters(ValueOrDefault(result)));
  reply.Set("getparametersres.status", StatusRecord(result.status(), kGetParametersNotImplemented));
  return reply;
}

RecordDict GetPropertiesReply(const StatusOr<ConfigRecord>& result) {
  RecordDict reply;
  reply.Set("getpropertiesres.properties", ValueOrDefault(result));
  reply.Set("getpropertiesres.status", StatusRecord(result.status(), kGetPropertiesNotImplemented));
  return reply;
}

}  // namespace flwrcpp::internal::classic
