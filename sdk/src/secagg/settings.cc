// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "secagg/settings.h"

#include <bit>
#include <cmath>

#include "internal/errors.h"
#include "internal/status_macros.h"
#include "secagg/shamir.h"

namespace flwrcpp::internal::secagg {
namespace {

constexpr char kSampleNumber[] = "sample_num";
constexpr char kShareNumber[] = "share_num";
constexpr char kThreshold[] = "threshold";
constexpr char kClippingRange[] = "clipping_range";
constexpr char kTargetRange[] = "target_range";
constexpr char kModRange[] = "mod_range";
constexpr char kMaxWeight[] = "max_weight";

/// Stock nodes quantize to 32-bit integers, and float32 may round up to the next power of 2.
constexpr std::int64_t kMaxTargetRange = std::int64_t{1} << 30;
/// Masked numbers are signed 64-bit integers on the wire.
constexpr std::int64_t kMaxModRange = std::int64_t{1} << 62;

Status CheckPositive(const char* name, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return InvalidArgument("{} is {}, expected a positive number", name, value);
}

}  // namespace

Status CheckSettings(const Settings& settings) {
  if (settings.sample_num < 2) {
    return InvalidArgument("{} is {}, expected at least 2", kSampleNumber, settings.sample_num);
  }
  if (settings.share_num < 2 || settings.share_num > kMaxShares) {
    return InvalidArgument("{} is {}, expected 2 to {}", kShareNumber, settings.share_num,
                           kMaxShares);
  }
  // One share alone must not be the secret.
  if (settings.threshold < 2 || settings.threshold > settings.share_num) {
    return InvalidArgument("{} is {}, expected 2 to {}, the number of shares", kThreshold,
                           settings.threshold, settings.share_num);
  }
  FLWRCPP_RETURN_IF_ERROR(CheckPositive(kClippingRange, settings.clipping_range));
  FLWRCPP_RETURN_IF_ERROR(CheckPositive(kMaxWeight, settings.max_weight));
  if (settings.target_range < 1 || settings.target_range > kMaxTargetRange) {
    return InvalidArgument("{} (quantization_range) is {}, expected 1 to {}", kTargetRange,
                           settings.target_range, kMaxTargetRange);
  }
  if (settings.mod_range <= settings.target_range || settings.mod_range < 4 ||
      settings.mod_range > kMaxModRange ||
      !std::has_single_bit(static_cast<std::uint64_t>(settings.mod_range))) {
    return InvalidArgument(
        "{} (modulus_range) is {}, expected a power of 2 above {}, from 4 to 2^62", kModRange,
        settings.mod_range, settings.target_range);
  }
  return absl::OkStatus();
}

void WriteSettings(const Settings& settings, ConfigRecord& record) {
  record.Set(kSampleNumber, settings.sample_num);
  record.Set(kShareNumber, settings.share_num);
  record.Set(kThreshold, settings.threshold);
  record.Set(kClippingRange, settings.clipping_range);
  record.Set(kTargetRange, settings.target_range);
  record.Set(kModRange, settings.mod_range);
  record.Set(kMaxWeight, settings.max_weight);
}

StatusOr<Settings> ReadSettings(const ConfigRecord& record) {
  Settings settings;
  FLWRCPP_ASSIGN_OR_RETURN(settings.sample_num, record.GetInt(kSampleNumber));
  FLWRCPP_ASSIGN_OR_RETURN(settings.share_num, record.GetInt(kShareNumber));
  FLWRCPP_ASSIGN_OR_RETURN(settings.threshold, record.GetInt(kThreshold));
  FLWRCPP_ASSIGN_OR_RETURN(settings.clipping_range, record.GetDouble(kClippingRange));
  FLWRCPP_ASSIGN_OR_RETURN(settings.target_range, record.GetInt(kTargetRange));
  FLWRCPP_ASSIGN_OR_RETURN(settings.mod_range, record.GetInt(kModRange));
  FLWRCPP_ASSIGN_OR_RETURN(settings.max_weight, record.GetDouble(kMaxWeight));
  FLWRCPP_RETURN_IF_ERROR(CheckSettings(settings));
  return settings;
}

}  // namespace flwrcpp::internal::secagg
