// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

/// Names and values of the records that carry the protocol, in messages of type `train`.
namespace flwrcpp::internal::secagg {

/// The ConfigRecord of each message, both ways.
inline constexpr char kConfigs[] = "secaggplus_configs";
/// The ConfigRecord in which a node keeps what it needs for the next stage.
inline constexpr char kState[] = "secaggplus_state";

inline constexpr char kStage[] = "stage";
inline constexpr char kSetup[] = "setup";
inline constexpr char kShareKeys[] = "share_keys";
inline constexpr char kCollectMaskedVectors[] = "collect_masked_vectors";
inline constexpr char kUnmask[] = "unmask";

inline constexpr char kPublicKey1[] = "pk1";
inline constexpr char kPublicKey2[] = "pk2";
inline constexpr char kDestinationList[] = "dsts";
inline constexpr char kCiphertextList[] = "ctxts";
inline constexpr char kSourceList[] = "srcs";
inline constexpr char kMaskedParameters[] = "masked_params";
inline constexpr char kActiveNodeIdList[] = "active_nids";
inline constexpr char kDeadNodeIdList[] = "dead_nids";
inline constexpr char kNodeIdList[] = "nids";
inline constexpr char kShareList[] = "shares";

/// Values under a key.
/// @return `kNotFound` without it, `kInvalidArgument` for another type. An empty list is one of
///   either type: stock Flower writes those as booleans.
StatusOr<std::string> GetBytes(const ConfigRecord& record, std::string_view key);
StatusOr<std::vector<ByteString>> GetBytesList(const ConfigRecord& record, std::string_view key);
/// Ids are whole numbers of 64 bits, all different.
StatusOr<std::vector<std::uint64_t>> GetNodeIds(const ConfigRecord& record, std::string_view key);

/// The ConfigRecord of a message.
/// @return `kInvalidArgument` without one.
StatusOr<const ConfigRecord*> GetConfigs(const RecordDict& content);

}  // namespace flwrcpp::internal::secagg
