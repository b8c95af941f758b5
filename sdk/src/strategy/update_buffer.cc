// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/update_buffer.h"

#include <cstddef>
#include <type_traits>
#include <utility>

#include "arrays/array_layout.h"
#include "internal/status_macros.h"
#include "strategy/step_model.h"

namespace flwrcpp::internal {

Status UpdateBuffer::Add(ArraysReply reply) {
  FLWRCPP_RETURN_IF_ERROR(CheckReal(reply.arrays));
  const auto subtract = [scale = scale_](const auto* base, auto* trained, auto&,
                                         std::size_t count) {
    using T = std::decay_t<decltype(*trained)>;
    for (std::size_t i = 0; i < count; ++i) {
      trained[i] = static_cast<T>(scale * (double{trained[i]} - double{base[i]}));
    }
  };
  FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord update,
                           StepModel<0>(base_, std::move(reply.arrays), {}, subtract));
  FLWRCPP_RETURN_IF_ERROR(
      mean_.Add(reply.node_id, std::move(update), options_.weight_by_examples ? reply.weight : 1));
  ++size_;
  return absl::OkStatus();
}

StatusOr<ArraysOutcome> UpdateBuffer::Finish() {
  FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord mean, mean_.Finish());
  const auto step = [rate = options_.learning_rate](const auto* global, auto* update, auto&,
                                                    std::size_t count) {
    using T = std::decay_t<decltype(*update)>;
    for (std::size_t i = 0; i < count; ++i) {
      update[i] = static_cast<T>(double{global[i]} + rate * double{update[i]});
    }
  };
  ArraysOutcome outcome;
  FLWRCPP_ASSIGN_OR_RETURN(outcome.arrays, StepModel<0>(global_, std::move(mean), {}, step));
  return outcome;
}

}  // namespace flwrcpp::internal
