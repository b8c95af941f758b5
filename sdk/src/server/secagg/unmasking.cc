// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <utility>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "secagg/masked_arrays.h"
#include "secagg/quantization.h"
#include "secagg/shamir.h"
#include "secagg/shared_key.h"
#include "server/secagg/round.h"

namespace flwrcpp::internal::secagg {

Status Round::RemoveMasks() {
  const std::uint64_t mod_range = static_cast<std::uint64_t>(settings_.mod_range);
  for (const std::uint64_t node_id : sharing_) {
    Node& node = nodes_[node_id];
    const StatusOr<SecretBytes> secret =
        CombineShares(node.shares, static_cast<int>(settings_.threshold));
    Status removed = secret.status();
    if (removed.ok()) {
      removed = masked_.contains(node_id)
                    ? AddMask(AsView(*secret), mod_range, MaskSign::kMinus, sum_)
                    : RemovePairwiseMasks(node_id, node, *secret);
    }
    if (!removed.ok()) {
      halted_ = fmt::format("the secret of node {}: {}", node_id, std::string(removed.message()));
      return absl::OkStatus();
    }
    node.shares.clear();
  }
  Reduce(mod_range, sum_);
  return MakeMean();
}

Status Round::RemovePairwiseMasks(std::uint64_t node_id, const Node& node,
                                  const SecretBytes& secret) {
  FLWRCPP_ASSIGN_OR_RETURN(const EcPrivateKey sk1, EcPrivateKey::Parse(AsView(secret)));
  FLWRCPP_ASSIGN_OR_RETURN(const EcPublicKey expected, EcPublicKey::Parse(node.pk1));
  if (sk1.public_pem() != expected.pem()) {
    return InvalidArgument("the shares give another key than the one that it announced");
  }
  for (const std::uint64_t neighbour : node.neighbours) {
    if (!masked_.contains(neighbour)) continue;
    FLWRCPP_ASSIGN_OR_RETURN(const EcPublicKey pk1, ParsePublicKey(nodes_[neighbour].pk1));
    FLWRCPP_ASSIGN_OR_RETURN(const SecretBytes key, GenerateSharedKey(sk1, pk1));
    FLWRCPP_RETURN_IF_ERROR(AddMask(AsView(key), static_cast<std::uint64_t>(settings_.mod_range),
                                    Opposite(PairwiseSign(neighbour, node_id)), sum_));
  }
  return absl::OkStatus();
}

Status Round::MakeMean() {
  std::uint64_t expected = 0;
  for (const std::uint64_t node_id : masked_) {
    expected +=
        static_cast<std::uint64_t>(QuantizeWeight(nodes_[node_id].result.num_examples, settings_));
  }
  const std::uint64_t weights = sum_[0][0];
  // Nodes also tell their examples in the clear: any mask that is left shows here.
  if (weights != expected) {
    halted_ = fmt::format(
        "the sum of weights is {} where {} were announced: a node did not keep to the protocol, or "
        "max_weight {} is too small",
        weights, expected, settings_.max_weight);
  } else if (weights == 0) {
    halted_ = "the nodes have no examples, so there is no mean";
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(mean_,
                             model_.Write(sum_, Dequantizer(settings_, masked_.size(), weights)));
  }
  return absl::OkStatus();
}

}  // namespace flwrcpp::internal::secagg
