// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/qfedavg.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

#include "arrays/real_array.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "strategy/arrays_aggregation.h"
#include "strategy/element_rows.h"
#include "strategy/reply_aggregator.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;

/// Σ (a − b)² over all arrays of two models of the same keys and shapes.
StatusOr<double> SquaredDistance(const ArrayRecord& a, const ArrayRecord& b) {
  double sum = 0;
  for (const auto& [key, array] : a) {
    FLWRCPP_ASSIGN_OR_RETURN(const internal::RealReader a_reader,
                             internal::RealReader::Open(array));
    FLWRCPP_ASSIGN_OR_RETURN(const internal::RealReader b_reader,
                             internal::RealReader::Open(*b.Find(key)));
    std::array<double, internal::kBlockElements> a_block;
    std::array<double, internal::kBlockElements> b_block;
    internal::ForEachBlock(a_reader.count(), [&](std::size_t begin, std::size_t count) {
      a_reader.Read(begin, std::span(a_block).first(count));
      b_reader.Read(begin, std::span(b_block).first(count));
      double block_sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const double difference = a_block[i] - b_block[i];
        block_sum += difference * difference;
      }
      sum += block_sum;
    });
  }
  return sum;
}

/// Sums up what QFedAvg needs of the replies.
///
/// With s_k = ℓ_k^q, Σ s_k · d_k is L · Σ s_k · (θ − the mean of all w_k weighted by s_k), so that
/// one mean and two numbers are all there is to keep.
class FairMean : public internal::ArraysAggregation {
 public:
  FairMean(double lipschitz, double q, std::string loss_key, ArrayRecord global)
      : lipschitz_(lipschitz), q_(q), loss_key_(std::move(loss_key)), global_(std::move(global)) {}

  Status Add(internal::ArraysReply reply) override {
    FLWRCPP_RETURN_IF_ERROR(internal::CheckReal(reply.arrays));
    FLWRCPP_ASSIGN_OR_RETURN(const double loss, reply.metrics->GetDouble(loss_key_));
    FLWRCPP_ASSIGN_OR_RETURN(const double squared_distance, SquaredDistance(global_, reply.arrays));
    const double base = loss + 1e-10;
    const double scale = std::pow(base, q_);
    const double h = q_ * std::pow(base, q_ - 1) * lipschitz_ * lipschitz_ * squared_distance +
                     lipschitz_ * scale;
    if (!std::isfinite(sum_h_ + h)) {
      return InvalidArgument(
          "its part in the step is not finite: '{}' is {}, the squared distance to the global "
          "model {}",
          loss_key_, loss, squared_distance);
    }
    FLWRCPP_RETURN_IF_ERROR(mean_.Add(reply.node_id, std::move(reply.arrays), scale));
    sum_h_ += h;
    return absl::OkStatus();
  }

  StatusOr<internal::ArraysOutcome> Finish() override {
    internal::ArraysOutcome outcome;
    if (mean_.total_weight() == 0) {
      internal::Log(LogLevel::kWarning,
                    "QFedAvg: '{}' to the power of q = {} is 0 for all nodes: the model stays as "
                    "it is",
                    loss_key_, q_);
      return outcome;
    }
    const double rate = lipschitz_ * mean_.total_weight() / sum_h_;
    const auto step = [rate](auto& rows, std::size_t count, auto* out) {
      for (std::size_t i = 0; i < count; ++i) {
        const double old = rows[0][i];
        out[i] = static_cast<std::decay_t<decltype(*out)>>(old - rate * (old - rows[1][i]));
      }
    };
    FLWRCPP_ASSIGN_OR_RETURN(ArrayRecord any_order, mean_.Finish());
    ArrayRecord mean;  // in the order of the global model
    for (const auto& [key, unused] : global_) mean.Set(key, std::move(*any_order.Find(key)));
    FLWRCPP_ASSIGN_OR_RETURN(const internal::ArrayLayout layout,
                             internal::ArrayLayout::OfGlobalModel(mean));
    FLWRCPP_ASSIGN_OR_RETURN(
        outcome.arrays,
        internal::CombineElements(layout, {std::move(global_), std::move(mean)}, step));
    return outcome;
  }

 private:
  double lipschitz_;
  double q_;
  std::string loss_key_;
  ArrayRecord global_;
  internal::WeightedArrayMean mean_;  ///< Weighted by s_k.
  double sum_h_ = 0;
};

Status CheckLoss(const MetricRecord& metrics, const std::string& key) {
  FLWRCPP_ASSIGN_OR_RETURN(const double loss, metrics.GetDouble(key));
  if (std::isfinite(loss) && loss >= 0) return absl::OkStatus();
  return InvalidArgument("'{}' is {}, expected a finite loss of at least 0", key, loss);
}

}  // namespace

StatusOr<std::unique_ptr<QFedAvg>> QFedAvg::Create(QFedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("QFedAvg", options));
  if (!std::isfinite(options.client_learning_rate) || options.client_learning_rate <= 0) {
    return InvalidArgument("QFedAvg: client_learning_rate is {}, expected a number above 0",
                           options.client_learning_rate);
  }
  if (!std::isfinite(options.q) || options.q < 0) {
    return InvalidArgument("QFedAvg: q is {}, expected a number of at least 0", options.q);
  }
  if (options.train_loss_key.empty()) return InvalidArgument("QFedAvg: train_loss_key is empty");
  return std::unique_ptr<QFedAvg>(new QFedAvg(std::move(options)));
}

QFedAvg::QFedAvg(QFedAvgOptions options)
    : FedAvg(options),
      client_learning_rate_(options.client_learning_rate),
      q_(options.q),
      train_loss_key_(std::move(options.train_loss_key)) {}

std::unique_ptr<Aggregator> QFedAvg::AggregateTrain(int /*server_round*/) {
  ArrayRecord global = TakeGlobalArrays();
  auto layout = internal::ArrayLayout::OfGlobalModel(global);
  internal::ReplyAggregatorOptions aggregation = internal::TrainAggregation(
      options(), std::make_unique<FairMean>(1 / client_learning_rate_, q_, train_loss_key_,
                                            std::move(global)));
  aggregation.global_layout = std::move(layout);
  aggregation.check_metrics = [key = train_loss_key_](const MetricRecord& metrics) {
    return CheckLoss(metrics, key);
  };
  return std::make_unique<internal::ReplyAggregator>(std::move(aggregation));
}

std::vector<std::string> QFedAvg::Summary() const {
  std::vector<std::string> lines = {
      fmt::format("QFedAvg: client_learning_rate {}, q {}, train_loss_key '{}'",
                  client_learning_rate_, q_, train_loss_key_)};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
