// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/kept_replies.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

namespace flwrcpp::internal {
namespace {

/// What replies have to have in common to be aggregated with each other; empty for a reply that
/// cannot be. Arrays are not looked at: they have to fit the global model.
using Form = std::set<std::tuple<std::string, std::string, std::size_t>>;

/// Stands for a number where a list has its length.
constexpr std::size_t kNumber = static_cast<std::size_t>(-1);

Form FormOf(const Message& reply) {
  Form form;
  if (reply.has_error()) return form;
  for (const auto& [name, record] : reply.content()) {
    if (std::holds_alternative<ArrayRecord>(record)) form.emplace(name, "", 0);
    const auto* const metrics = std::get_if<MetricRecord>(&record);
    if (metrics == nullptr) continue;
    for (const auto& [key, value] : *metrics) {
      const std::size_t length = std::visit(
          [](const auto& typed) {
            if constexpr (requires { typed.size(); }) {
              return typed.size();
            } else {
              return kNumber;
            }
          },
          value);
      form.emplace(name, "metric " + key, length);
    }
  }
  return form;
}

}  // namespace

StatusOr<AggregateResult> KeptReplies::Finish() {
  std::stable_sort(replies_.begin(), replies_.end(), [](const Message& a, const Message& b) {
    return a.metadata().src_node_id < b.metadata().src_node_id;
  });
  std::vector<Form> forms;
  std::map<Form, std::size_t> counts;
  for (const Message& reply : replies_) {
    forms.push_back(FormOf(reply));
    if (!forms.back().empty()) ++counts[forms.back()];
  }
  Form usual;
  for (const Form& form : forms) {
    if (!form.empty() && (usual.empty() || counts[form] > counts[usual])) usual = form;
  }
  for (const bool is_usual : {true, false}) {
    for (std::size_t i = 0; i < replies_.size(); ++i) {
      if ((forms[i] == usual) == is_usual) aggregator_.Add(std::move(replies_[i]));
    }
  }
  replies_.clear();
  return aggregator_.Finish();
}

std::unique_ptr<Aggregator> KeepReplies(const FedAvgOptions& options, const ArrayRecord& global,
                                        KeptArrays::Combine combine) {
  return std::make_unique<KeptReplies>(TrainAggregation(
      options,
      std::make_unique<KeptArrays>(ArrayLayout::OfGlobalModel(global), std::move(combine))));
}

}  // namespace flwrcpp::internal
