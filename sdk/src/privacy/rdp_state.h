// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "flwrcpp/privacy_accounting.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

inline constexpr char kRdp[] = "rdp";

/// Flower's words.
std::string_view NameOf(NeighboringRelation relation);
std::string_view NameOf(SamplingMethod method);

/// What an RdpAccountant keeps, as a record with the names of Flower's `state_dict`.
struct RdpState {
  PrivacyConfig config;
  std::vector<double> orders;
  std::vector<std::pair<GaussianPrivacyEvent, std::int64_t>> releases;
};

ConfigRecord WriteRdpState(const RdpState& state);

/// Whether its numbers are in range is the accountant's affair.
/// @return `kInvalidArgument` naming the value that is missing, of another type, or of another
///   length than the others.
StatusOr<RdpState> ReadRdpState(const ConfigRecord& record);

}  // namespace flwrcpp::internal
