// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/server_step.h"

#include <utility>

#include "strategy/arrays_aggregation.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp {

std::unique_ptr<Aggregator> ServerStep::AggregateTrain(int server_round) {
  ArrayRecord global = TakeGlobalArrays();
  auto layout = internal::ArrayLayout::OfGlobalModel(global);
  internal::ReplyAggregatorOptions aggregation = internal::TrainAggregation(
      options(), std::make_unique<internal::MeanThenStep>(
                     [this, server_round, global = std::move(global)](ArrayRecord mean) {
                       return Step(server_round, global, std::move(mean));
                     }));
  aggregation.global_layout = std::move(layout);
  return std::make_unique<internal::ReplyAggregator>(std::move(aggregation));
}

}  // namespace flwrcpp
