// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/strategy/fedxgb_bagging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "strategy/kept_replies.h"
#include "strategy/xgboost_model.h"

namespace flwrcpp {
namespace {

using internal::Annotate;
using internal::InvalidArgument;
using internal::XgboostModel;

constexpr char kKey[] = "0";

/// The bytes of the model in `arrays`, or why there is none.
StatusOr<Bytes> ModelBytes(const ArrayRecord& arrays) {
  const Array* const array = arrays.Find(kKey);
  if (array == nullptr || arrays.size() != 1) {
    return InvalidArgument("expected one array called '{}', got {}", kKey, arrays.size());
  }
  const StatusOr<NpyHeader> header = array->Header();
  if (!header.ok()) return Annotate(header.status(), fmt::format("array '{}'", kKey));
  if (header->descr != "|u1") {
    return InvalidArgument("array '{}' has dtype {}, expected uint8", kKey,
                           DtypeOfDescr(header->descr));
  }
  return array->Contiguous().Slice(header->data_offset);
}

/// The global model with the trees of the replies, in the order of Add.
class BaggedTrees : public internal::ArraysAggregation {
 public:
  explicit BaggedTrees(const ArrayRecord& global) : global_(ModelBytes(global)) {}

  Status Add(internal::ArraysReply reply) override {
    FLWRCPP_RETURN_IF_ERROR(ReadGlobal());
    FLWRCPP_ASSIGN_OR_RETURN(const Bytes bytes, ModelBytes(reply.arrays));
    if (bytes.size() > FedXgbBagging::kMaxModelBytes) {
      return InvalidArgument("a model of {} bytes, expected at most {}", bytes.size(),
                             FedXgbBagging::kMaxModelBytes);
    }
    FLWRCPP_ASSIGN_OR_RETURN(XgboostModel model, XgboostModel::Parse(bytes.view()));
    if (bagged_.has_value()) {
      bagged_->AppendIteration(std::move(model));
    } else {
      bagged_ = std::move(model);
    }
    return absl::OkStatus();
  }

  StatusOr<internal::ArraysOutcome> Finish() override {
    const std::string text = bagged_->Text();
    bagged_.reset();
    FLWRCPP_ASSIGN_OR_RETURN(Array array,
                             Array::Build("uint8", {static_cast<std::int64_t>(text.size())},
                                          [&](std::span<std::byte> out) {
                                            std::memcpy(out.data(), text.data(), out.size());
                                          }));
    internal::ArraysOutcome outcome;
    outcome.arrays.emplace().Set(kKey, std::move(array));
    return outcome;
  }

 private:
  /// Parses the global model before the first reply.
  Status ReadGlobal() {
    if (!global_.ok()) return Annotate(global_.status(), "global model");
    if (global_->empty()) return absl::OkStatus();
    StatusOr<XgboostModel> model = XgboostModel::Parse(global_->view());
    if (!model.ok()) {
      global_ = model.status();
      return Annotate(global_.status(), "global model");
    }
    bagged_ = *std::move(model);
    global_ = Bytes();
    return absl::OkStatus();
  }

  StatusOr<Bytes> global_;  ///< Not parsed yet, or why it cannot be; empty once it is in `bagged_`.
  std::optional<XgboostModel> bagged_;
};

}  // namespace

StatusOr<std::unique_ptr<FedXgbBagging>> FedXgbBagging::Create(FedAvgOptions options) {
  FLWRCPP_RETURN_IF_ERROR(CheckOptions("FedXgbBagging", options));
  return std::unique_ptr<FedXgbBagging>(new FedXgbBagging(std::move(options)));
}

StatusOr<std::vector<Message>> FedXgbBagging::ConfigureTrain(int server_round,
                                                             const ArrayRecord& arrays,
                                                             const ConfigRecord& config, Grid& grid,
                                                             std::stop_token stop) {
  const Status status = ModelBytes(arrays).status();
  if (!status.ok()) return Annotate(status, "FedXgbBagging: global model");
  return FedAvg::ConfigureTrain(server_round, arrays, config, grid, std::move(stop));
}

std::unique_ptr<Aggregator> FedXgbBagging::AggregateTrain(int /*server_round*/) {
  return std::make_unique<internal::KeptReplies>(
      internal::TrainAggregation(options(), std::make_unique<BaggedTrees>(TakeGlobalArrays())));
}

std::vector<std::string> FedXgbBagging::Summary() const {
  std::vector<std::string> lines = {"FedXgbBagging"};
  for (std::string& line : FedAvg::Summary()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace flwrcpp
