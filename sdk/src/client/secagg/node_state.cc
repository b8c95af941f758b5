// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client/secagg/node_state.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr char kSk1[] = "sk1";
constexpr char kSk2[] = "sk2";
constexpr char kRdSeed[] = "rd_seed";
constexpr char kNeighbours[] = "neighbours";
constexpr char kNeighbourPk1[] = "neighbour_pk1";
constexpr char kSharedKeys[] = "shared_keys";
constexpr char kRdSeedShares[] = "rd_seed_shares";
constexpr char kSk1Shares[] = "sk1_shares";

ByteString ToBytes(const SecretBytes& secret) { return {std::string(AsView(secret))}; }

void Wipe(ByteString& bytes) { OPENSSL_cleanse(bytes.value.data(), bytes.value.size()); }

void Wipe(ConfigRecord& record) {
  for (std::size_t i = 0; i < record.size(); ++i) {
    ConfigValue& value = *record.Find(record.item(i).first);
    if (auto* const bytes = std::get_if<ByteString>(&value)) Wipe(*bytes);
    if (auto* const list = std::get_if<std::vector<ByteString>>(&value)) {
      for (ByteString& bytes : *list) Wipe(bytes);
    }
  }
}

/// One list of the record for one member of all neighbours.
template <typename Member>
void SetList(const char* key, const NodeState& state, Member member, ConfigRecord& record) {
  std::vector<ByteString> list;
  list.reserve(state.neighbours.size());
  for (const Neighbour& neighbour : state.neighbours) {
    const auto& value = neighbour.*member;
    list.push_back({std::string(value.begin(), value.end())});
  }
  record.Set(key, std::move(list));
}

template <typename Member>
Status GetList(const ConfigRecord& record, const char* key, Member member, NodeState& state) {
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<ByteString> list, GetBytesList(record, key));
  if (list.size() != state.neighbours.size()) {
    return InvalidArgument("'{}' has {} entries for {} neighbours", key, list.size(),
                           state.neighbours.size());
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    (state.neighbours[i].*member).assign(list[i].value.begin(), list[i].value.end());
    Wipe(list[i]);
  }
  return absl::OkStatus();
}

Status GetSecret(const ConfigRecord& record, const char* key, SecretBytes& secret) {
  FLWRCPP_ASSIGN_OR_RETURN(std::string bytes, GetBytes(record, key));
  secret.assign(bytes.begin(), bytes.end());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return absl::OkStatus();
}

StatusOr<NodeState> Read(const ConfigRecord& record) {
  NodeState state;
  FLWRCPP_ASSIGN_OR_RETURN(state.stage, record.GetString(kStage));
  if (state.stage == kUnmask) return state;
  FLWRCPP_ASSIGN_OR_RETURN(state.settings, ReadSettings(record));
  FLWRCPP_ASSIGN_OR_RETURN(state.pk1, GetBytes(record, kPublicKey1));
  FLWRCPP_ASSIGN_OR_RETURN(state.pk2, GetBytes(record, kPublicKey2));
  FLWRCPP_RETURN_IF_ERROR(GetSecret(record, kSk1, state.sk1));
  FLWRCPP_RETURN_IF_ERROR(GetSecret(record, kSk2, state.sk2));
  FLWRCPP_RETURN_IF_ERROR(GetSecret(record, kRdSeed, state.rd_seed));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> ids, GetNodeIds(record, kNeighbours));
  for (const std::uint64_t id : ids) state.neighbours.emplace_back().node_id = id;
  FLWRCPP_RETURN_IF_ERROR(GetList(record, kNeighbourPk1, &Neighbour::pk1, state));
  FLWRCPP_RETURN_IF_ERROR(GetList(record, kSharedKeys, &Neighbour::shared_key, state));
  FLWRCPP_RETURN_IF_ERROR(GetList(record, kRdSeedShares, &Neighbour::rd_seed_share, state));
  FLWRCPP_RETURN_IF_ERROR(GetList(record, kSk1Shares, &Neighbour::sk1_share, state));
  return state;
}

}  // namespace

Neighbour* NodeState::Find(std::uint64_t node_id) {
  const auto found = std::find_if(neighbours.begin(), neighbours.end(),
                                  [&](const Neighbour& each) { return each.node_id == node_id; });
  return found == neighbours.end() ? nullptr : &*found;
}

StatusOr<NodeState> LoadState(const RecordDict& context_state) {
  const ConfigRecord* const record = context_state.FindConfig(kState);
  if (record == nullptr) return NodeState();
  StatusOr<NodeState> state = Read(*record);
  if (!state.ok()) return Annotate(state.status(), "state of the secure aggregation");
  return state;
}

void SaveState(const NodeState& state, RecordDict& context_state) {
  ConfigRecord record;
  record.Set(kStage, state.stage);
  if (state.stage != kUnmask) {
    WriteSettings(state.settings, record);
    record.Set(kPublicKey1, ByteString{state.pk1});
    record.Set(kPublicKey2, ByteString{state.pk2});
    record.Set(kSk1, ToBytes(state.sk1));
    record.Set(kSk2, ToBytes(state.sk2));
    record.Set(kRdSeed, ToBytes(state.rd_seed));
    std::vector<std::uint64_t> ids;
    for (const Neighbour& neighbour : state.neighbours) ids.push_back(neighbour.node_id);
    record.Set(kNeighbours, std::move(ids));
    SetList(kNeighbourPk1, state, &Neighbour::pk1, record);
    SetList(kSharedKeys, state, &Neighbour::shared_key, record);
    SetList(kRdSeedShares, state, &Neighbour::rd_seed_share, record);
    SetList(kSk1Shares, state, &Neighbour::sk1_share, record);
  }
  if (Record* const old = context_state.Find(kState)) {
    if (auto* const config = std::get_if<ConfigRecord>(old)) Wipe(*config);
  }
  context_state.Set(kState, std::move(record));
}

}  // namespace flwrcpp::internal::secagg
