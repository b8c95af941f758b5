// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "datasets/partitioner_parameters.h"

#include <fmt/format.h>

#include <algorithm>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal {
namespace {

using datasets::PartitionerParameter;
using datasets::PartitionerParameters;

/// A value as a real number, if it is one or an integer.
std::optional<double> AsReal(const PartitionerParameter& value) {
  if (const auto* const real = std::get_if<double>(&value)) return *real;
  if (const auto* const integer = std::get_if<std::int64_t>(&value)) {
    return static_cast<double>(*integer);
  }
  return std::nullopt;
}

/// A value as real numbers, if it is a list of them or of integers.
std::optional<std::vector<double>> AsReals(const PartitionerParameter& value) {
  if (const auto* const reals = std::get_if<std::vector<double>>(&value)) return *reals;
  if (const auto* const integers = std::get_if<std::vector<std::int64_t>>(&value)) {
    return std::vector<double>(integers->begin(), integers->end());
  }
  return std::nullopt;
}

}  // namespace

ParameterReader::ParameterReader(const PartitionerParameters& values) {
  for (const auto& [name, value] : values) {
    std::string folded = name;
    std::replace(folded.begin(), folded.end(), '-', '_');
    values_[folded] = value;
  }
}

const PartitionerParameter* ParameterReader::Find(const char* name) {
  known_.emplace_back(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void ParameterReader::Fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void ParameterReader::WrongType(const char* name, const char* expected) {
  Fail(InvalidArgument("{} has another type, expected {}", name, expected));
}

void ParameterReader::Get(const char* name, bool& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const auto* const flag = std::get_if<bool>(value);
  if (flag == nullptr) return WrongType(name, "true or false");
  out = *flag;
}

void ParameterReader::Get(const char* name, double& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const std::optional<double> real = AsReal(*value);
  if (!real) return WrongType(name, "a number");
  out = *real;
}

void ParameterReader::Get(const char* name, std::size_t& out) {
  std::optional<std::size_t> given;
  Get(name, given);
  if (given) out = *given;
}

void ParameterReader::Get(const char* name, std::optional<std::size_t>& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const auto* const integer = std::get_if<std::int64_t>(value);
  if (integer == nullptr) return WrongType(name, "an integer");
  if (*integer < 0) return Fail(InvalidArgument("{} is {}, expected 0 or more", name, *integer));
  out = static_cast<std::size_t>(*integer);
}

void ParameterReader::Get(const char* name, std::string& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const auto* const text = std::get_if<std::string>(value);
  if (text == nullptr) return WrongType(name, "a text");
  out = *text;
}

void ParameterReader::Get(const char* name, std::vector<std::size_t>& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const auto* const integers = std::get_if<std::vector<std::int64_t>>(value);
  if (integers == nullptr) return WrongType(name, "a list of integers");
  for (const std::int64_t integer : *integers) {
    if (integer >= 0) continue;
    return Fail(InvalidArgument("{} has a {}, expected integers of 0 or more", name, integer));
  }
  out.assign(integers->begin(), integers->end());
}

void ParameterReader::Get(const char* name, std::vector<double>& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const std::optional<std::vector<double>> reals = AsReals(*value);
  if (!reals) return WrongType(name, "a list of numbers");
  out = *reals;
}

void ParameterReader::Get(const char* name, std::vector<std::string>& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  if (const auto* const text = std::get_if<std::string>(value)) {
    out = {*text};
  } else if (const auto* const texts = std::get_if<std::vector<std::string>>(value)) {
    out = *texts;
  } else {
    WrongType(name, "a text or a list of them");
  }
}

void ParameterReader::Get(const char* name, std::vector<std::vector<double>>& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  const auto* const array = std::get_if<std::vector<std::vector<double>>>(value);
  if (array == nullptr) return WrongType(name, "a list of lists of numbers");
  out = *array;
}

void ParameterReader::Get(const char* name, datasets::DirichletAlpha& out) {
  const PartitionerParameter* const value = Find(name);
  if (value == nullptr) return;
  if (const std::optional<double> real = AsReal(*value)) {
    out = *real;
  } else if (std::optional<std::vector<double>> reals = AsReals(*value)) {
    out = *std::move(reals);
  } else {
    WrongType(name, "a number or a list of them");
  }
}

bool ParameterReader::IsInteger(const char* name) const {
  const auto found = values_.find(name);
  return found != values_.end() && std::holds_alternative<std::int64_t>(found->second);
}

bool ParameterReader::IsListOfReals(const char* name) const {
  const auto found = values_.find(name);
  return found != values_.end() && std::holds_alternative<std::vector<double>>(found->second);
}

void ParameterReader::CheckChoice(const char* name, const std::string& text,
                                  const std::vector<std::string>& choices) {
  const auto given = values_.find(name);
  if (given == values_.end() || !std::holds_alternative<std::string>(given->second)) return;
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return;
  Fail(InvalidArgument("{} is '{}', expected {}", name, text, fmt::join(choices, ", ")));
}

Status ParameterReader::Check() const {
  FLWRCPP_RETURN_IF_ERROR(status_);
  for (const auto& [name, unused] : values_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    if (known_.empty()) return InvalidArgument("has no parameters, got {}", name);
    return InvalidArgument("unknown parameter {}, expected {}", name, fmt::join(known_, ", "));
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal
