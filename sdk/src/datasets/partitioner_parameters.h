// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/datasets/dirichlet_partitioners.h"
#include "flwrcpp/datasets/make_partitioner.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Hands out a partitioner's parameters by name; remembers the first error. What is not given
/// leaves `out` as it is.
class ParameterReader {
 public:
  explicit ParameterReader(const datasets::PartitionerParameters& values);

  void Get(const char* name, bool& out);
  void Get(const char* name, double& out);
  void Get(const char* name, std::size_t& out);
  void Get(const char* name, std::optional<std::size_t>& out);
  void Get(const char* name, std::string& out);
  void Get(const char* name, std::vector<std::size_t>& out);
  void Get(const char* name, std::vector<double>& out);
  void Get(const char* name, std::vector<std::string>& out);
  void Get(const char* name, std::vector<std::vector<double>>& out);
  void Get(const char* name, datasets::DirichletAlpha& out);

  /// One of several texts, each of which stands for a value.
  template <typename T>
  void Choose(const char* name, const std::vector<std::pair<std::string, T>>& choices, T& out) {
    std::string text;
    std::vector<std::string> names;
    Get(name, text);
    for (const auto& [choice, value] : choices) {
      if (choice == text) out = value;
      names.push_back(choice);
    }
    CheckChoice(name, text, names);
  }

  /// What a parameter is whose type decides about its meaning; false if it is not given.
  bool IsInteger(const char* name) const;
  bool IsListOfReals(const char* name) const;

  /// The first error; to be asked when all were handed out.
  Status Check() const;

 private:
  /// The value, if it is given. From now on the parameter is a known one.
  const datasets::PartitionerParameter* Find(const char* name);
  void CheckChoice(const char* name, const std::string& text,
                   const std::vector<std::string>& choices);
  void WrongType(const char* name, const char* expected);
  void Fail(Status status);

  datasets::PartitionerParameters values_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace flwrcpp::internal
