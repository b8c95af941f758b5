// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "client/secagg/stages.h"

#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/ec_key.h"
#include "crypto/encoding.h"
#include "flwrcpp/message.h"
#include "internal/errors.h"
#include "internal/status_macros.h"
#include "secagg/fernet.h"
#include "secagg/key_shares.h"
#include "secagg/shamir.h"
#include "secagg/shared_key.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr std::size_t kSeedBytes = 32;

std::optional<std::uint64_t> ParseNodeId(const std::string& text) {
  std::uint64_t id = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result parsed = std::from_chars(text.data(), end, id);
  if (parsed.ec != std::errc() || parsed.ptr != end || std::to_string(id) != text) {
    return std::nullopt;
  }
  return id;
}

Status TooFew(const char* what, std::size_t count, const Settings& settings) {
  return MakeError(StatusCode::kFailedPrecondition, "{} {}, the threshold is {}", count, what,
                   settings.threshold);
}

/// One neighbour's keys, as the second message names them.
struct PublicKeys {
  std::uint64_t node_id = 0;
  std::string pk1;
  std::string pk2;
};

StatusOr<std::vector<PublicKeys>> ReadPublicKeys(const ConfigRecord& configs) {
  std::vector<PublicKeys> keys;
  std::set<std::string> known;
  for (const auto& [name, value] : configs) {
    if (name == kStage) continue;
    const std::optional<std::uint64_t> id = ParseNodeId(name);
    const auto* const pair = std::get_if<std::vector<ByteString>>(&value);
    if (!id.has_value() || pair == nullptr || pair->size() != 2) {
      return InvalidArgument("'{}' is no node id with a list of two public keys", name);
    }
    for (const ByteString& key : *pair) {
      if (!known.insert(key.value).second) {
        return InvalidArgument("a public key of node {} occurs twice", *id);
      }
    }
    keys.push_back({*id, (*pair)[0].value, (*pair)[1].value});
  }
  return keys;
}

/// @return the shared key with the neighbour that `keys` are of.
StatusOr<SecretBytes> SharedKeyWith(const PublicKeys& keys, const EcPrivateKey& sk2) {
  StatusOr<EcPublicKey> pk2 = ParsePublicKey(keys.pk2);
  Status status = pk2.status();
  if (status.ok()) status = ParsePublicKey(keys.pk1).status();
  if (!status.ok()) return Annotate(status, "public keys of node " + std::to_string(keys.node_id));
  return GenerateSharedKey(sk2, *pk2);
}

}  // namespace

StatusOr<ConfigRecord> Setup(const ConfigRecord& configs, NodeState& state) {
  state = NodeState();
  state.stage = kSetup;
  FLWRCPP_ASSIGN_OR_RETURN(state.settings, ReadSettings(configs));
  const EcPrivateKey key1 = EcPrivateKey::Generate();
  const EcPrivateKey key2 = EcPrivateKey::Generate();
  state.pk1 = key1.public_pem();
  state.pk2 = key2.public_pem();
  state.sk1 = key1.PrivatePem();
  state.sk2 = key2.PrivatePem();
  ConfigRecord reply;
  reply.Set(kPublicKey1, ByteString{state.pk1});
  reply.Set(kPublicKey2, ByteString{state.pk2});
  return reply;
}

StatusOr<ConfigRecord> ShareKeys(std::uint64_t own_id, const ConfigRecord& configs,
                                 NodeState& state) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<PublicKeys> keys, ReadPublicKeys(configs));
  const Settings& settings = state.settings;
  if (keys.size() < static_cast<std::size_t>(settings.threshold)) {
    return TooFew("nodes have sent their keys", keys.size(), settings);
  }
  if (keys.size() > static_cast<std::size_t>(settings.share_num)) {
    return InvalidArgument("keys of {} nodes for {} shares", keys.size(), settings.share_num);
  }
  bool found_own = false;
  for (const PublicKeys& each : keys) {
    if (each.node_id != own_id) continue;
    found_own = each.pk1 == state.pk1 && each.pk2 == state.pk2;
  }
  if (!found_own) return InvalidArgument("this node's own keys are missing or were changed");

  FLWRCPP_ASSIGN_OR_RETURN(const EcPrivateKey sk2, EcPrivateKey::Parse(AsView(state.sk2)));
  std::string seed = RandomBytes(kSeedBytes);
  state.rd_seed = ToSecret(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  const int threshold = static_cast<int>(settings.threshold);
  const int count = static_cast<int>(settings.share_num);
  std::vector<SecretBytes> seed_shares = CreateShares(AsView(state.rd_seed), threshold, count);
  std::vector<SecretBytes> key_shares = CreateShares(AsView(state.sk1), threshold, count);

  std::vector<std::uint64_t> destinations;
  std::vector<ByteString> ciphertexts;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t id = keys[i].node_id;
    Neighbour neighbour{id, keys[i].pk1, {}, {}, {}};
    if (id == own_id) {
      neighbour.rd_seed_share = std::move(seed_shares[i]);
      neighbour.sk1_share = std::move(key_shares[i]);
    } else {
      FLWRCPP_ASSIGN_OR_RETURN(neighbour.shared_key, SharedKeyWith(keys[i], sk2));
      const SecretBytes plaintext =
          WriteKeyShares({own_id, id, std::move(seed_shares[i]), std::move(key_shares[i])});
      FLWRCPP_ASSIGN_OR_RETURN(
          std::string ciphertext,
          FernetEncrypt(AsView(neighbour.shared_key), AsView(plaintext),
                        static_cast<std::uint64_t>(UnixSeconds()), RandomBytes(kFernetIvBytes)));
      destinations.push_back(id);
      ciphertexts.push_back({std::move(ciphertext)});
    }
    state.neighbours.push_back(std::move(neighbour));
  }
  ConfigRecord reply;
  reply.Set(kDestinationList, std::move(destinations));
  reply.Set(kCiphertextList, std::move(ciphertexts));
  return reply;
}

Status ReceiveShares(std::uint64_t own_id, const ConfigRecord& configs, NodeState& state) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> sources,
                           GetNodeIds(configs, kSourceList));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<ByteString> ciphertexts,
                           GetBytesList(configs, kCiphertextList));
  if (sources.size() != ciphertexts.size()) {
    return InvalidArgument("{} shares from {} nodes", ciphertexts.size(), sources.size());
  }
  if (sources.size() + 1 < static_cast<std::size_t>(state.settings.threshold)) {
    return TooFew("nodes, this one included, have shared their keys", sources.size() + 1,
                  state.settings);
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Neighbour* const neighbour = state.Find(sources[i]);
    if (neighbour == nullptr || sources[i] == own_id) {
      return InvalidArgument("shares of node {}, which is no neighbour", sources[i]);
    }
    const std::string where = "shares of node " + std::to_string(sources[i]);
    const StatusOr<SecretBytes> plaintext =
        FernetDecrypt(AsView(neighbour->shared_key), ciphertexts[i].value);
    if (!plaintext.ok()) return Annotate(plaintext.status(), where);
    StatusOr<KeyShares> shares = ReadKeyShares(AsView(*plaintext));
    if (!shares.ok()) return Annotate(shares.status(), where);
    if (shares->src_node_id != sources[i] || shares->dst_node_id != own_id) {
      return InvalidArgument("{}: they go from node {} to node {}", where, shares->src_node_id,
                             shares->dst_node_id);
    }
    neighbour->rd_seed_share = std::move(shares->rd_seed_share);
    neighbour->sk1_share = std::move(shares->sk1_share);
  }
  return absl::OkStatus();
}

StatusOr<ConfigRecord> Unmask(std::uint64_t own_id, const ConfigRecord& configs, NodeState& state) {
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> active,
                           GetNodeIds(configs, kActiveNodeIdList));
  FLWRCPP_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> dead,
                           GetNodeIds(configs, kDeadNodeIdList));
  if (active.size() < static_cast<std::size_t>(state.settings.threshold)) {
    return TooFew("nodes have sent their masked models", active.size(), state.settings);
  }
  std::vector<std::uint64_t> ids;
  std::vector<ByteString> shares;
  // Of each neighbour one or the other: both together would lay its model open.
  const auto hand_out = [&](std::uint64_t id, SecretBytes Neighbour::*kind) -> Status {
    Neighbour* const neighbour = state.Find(id);
    if (neighbour == nullptr || (neighbour->*kind).empty()) {
      return InvalidArgument("asked for a share of node {}, which gave none", id);
    }
    ids.push_back(id);
    shares.push_back({std::string(AsView(neighbour->*kind))});
    return absl::OkStatus();
  };
  const std::set<std::uint64_t> active_set(active.begin(), active.end());
  for (const std::uint64_t id : dead) {
    if (active_set.contains(id) || id == own_id) {
      return MakeError(StatusCode::kPermissionDenied,
                       "asked for both secrets of node {}, of which only one may be known", id);
    }
  }
  for (const std::uint64_t id : active) {
    FLWRCPP_RETURN_IF_ERROR(hand_out(id, &Neighbour::rd_seed_share));
  }
  for (const std::uint64_t id : dead) {
    FLWRCPP_RETURN_IF_ERROR(hand_out(id, &Neighbour::sk1_share));
  }
  ConfigRecord reply;
  reply.Set(kNodeIdList, std::move(ids));
  reply.Set(kShareList, std::move(shares));
  return reply;
}

}  // namespace flwrcpp::internal::secagg
