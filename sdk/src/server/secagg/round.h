// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "crypto/ec_key.h"
#include "crypto/secret_bytes.h"
#include "flwrcpp/grid.h"
#include "flwrcpp/workflow/secagg.h"
#include "secagg/settings.h"
#include "server/secagg/model.h"
#include "server/secagg/neighbours.h"

namespace flwrcpp::internal::secagg {

/// One round of the protocol, from the server's side.
class Round {
 public:
  /// @param timeout of the whole exchange.
  Round(Grid& grid, const SecAggPlusOptions& options,
        std::optional<std::chrono::duration<double>> timeout, std::stop_token stop);

  /// Takes the strategy's instructions to the nodes, runs all stages and hands out what the
  /// strategy is to see as replies, one for each node.
  /// @return `kInvalidArgument` for instructions that do not fit; errors of the grid and of
  ///   `on_reply`. A round that came to nothing is no error: its replies say so.
  Status Run(int server_round, std::vector<Message> instructions, const Grid::OnReply& on_reply);

 private:
  struct Node {
    Message instruction;
    NodeIds neighbours;  ///< Itself among them.
    std::string pk1;     ///< As it came: nodes compare theirs.
    std::string pk2;
    std::vector<std::uint64_t> sources;  ///< Of the ciphertexts that are for this node.
    std::vector<ByteString> ciphertexts;
    FitRes result;
    std::vector<SecretBytes> shares;  ///< Of its secret, from neighbours.
    std::optional<Error> error;       ///< Why it dropped out.
  };
  /// Makes the content for a node, or takes what a node answered.
  using MakeContent = std::function<StatusOr<RecordDict>(std::uint64_t node_id, Node& node)>;
  using TakeReply = std::function<Status(std::uint64_t node_id, Node& node,
                                         const ConfigRecord& configs, const RecordDict& content)>;

  Status AddNodes(std::vector<Message> instructions);
  /// The stages. What a round halts for is in `halted_`, errors of the grid are returned.
  Status RunStages();
  Status Setup();
  Status ShareKeys();
  Status CollectMaskedVectors();
  Status Unmask();

  /// Sends what `make` gives to all active nodes; active is then whose answer `take` accepted.
  Status Exchange(const char* stage, const MakeContent& make, const TakeReply& take);
  Status TakeKeys(std::uint64_t node_id, Node& node, const ConfigRecord& configs);
  Status TakeCiphertexts(std::uint64_t node_id, const ConfigRecord& configs);
  Status TakeMasked(Node& node, const ConfigRecord& configs, const RecordDict& content);
  Status TakeShares(std::uint64_t node_id, const ConfigRecord& configs);

  /// Halts the round unless each of `node_ids` has neighbours enough that are still there.
  void CheckThreshold(const NodeIds& node_ids);
  /// Takes all masks off the sum, and makes the mean of it.
  Status RemoveMasks();
  Status RemovePairwiseMasks(std::uint64_t node_id, const Node& node, const SecretBytes& secret);
  Status MakeMean();
  Status HandOut(const Grid::OnReply& on_reply);

  std::optional<std::chrono::duration<double>> TimeLeft() const;

  Grid& grid_;
  const SecAggPlusOptions& options_;
  const std::optional<std::chrono::steady_clock::time_point> deadline_;
  const std::stop_token stop_;

  std::string group_id_;  ///< The round as text, as classic messages have it.
  Model model_;
  Settings settings_;
  std::map<std::uint64_t, Node> nodes_;
  std::set<std::string> known_keys_;
  NodeIds active_;   ///< Who answered the last stage.
  NodeIds sharing_;  ///< Who shared its keys: who masked models hold masks of.
  NodeIds masked_;   ///< Whose masked model is in the sum.
  MaskedArrays sum_;
  std::string halted_;  ///< Why the round came to nothing; empty: it did not.
  ArrayRecord mean_;
};

}  // namespace flwrcpp::internal::secagg
