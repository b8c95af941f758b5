// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal::secagg {

/// What the server tells the nodes in the first stage of a round.
struct Settings {
  std::int64_t sample_num = 0;  ///< Nodes in the round.
  std::int64_t share_num = 0;   ///< Shares of each secret, one for each neighbour and oneself.
  std::int64_t threshold = 0;   ///< Shares that give the secret back.
  double clipping_range = 0;
  std::int64_t target_range = 0;  ///< Numbers that elements are quantized to go from 0 to this.
  std::int64_t mod_range = 0;     ///< The modulus of masked numbers.
  double max_weight = 0;
};

/// @return `kInvalidArgument` for what could not be worked with, or would protect nothing: fewer
///   than 2 shares for a secret or more than there are, ranges out of order, a modulus that is no
///   power of two, limits that are no positive number.
Status CheckSettings(const Settings& settings);

/// The settings under Flower's names, in `record`.
void WriteSettings(const Settings& settings, ConfigRecord& record);

/// @return `kInvalidArgument` or `kNotFound` naming the setting that is missing or has another
/// type;
///   as CheckSettings.
StatusOr<Settings> ReadSettings(const ConfigRecord& record);

}  // namespace flwrcpp::internal::secagg
