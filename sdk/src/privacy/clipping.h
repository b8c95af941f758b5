// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Config key by which a ServerApp tells its nodes the clipping norm.
inline constexpr char kClippingNormKey[] = "clipping_norm";
/// Metric by which a node says whether its update was longer than that: 1, else 0.
inline constexpr char kNormBitKey[] = "norm_bit";

/// Flat clipping (McMahan et al., 2018, "Learning Differentially Private Recurrent Language
/// Models"): with θ = `global`, w = `arrays` and Δ = w − θ, the arrays become
/// θ + Δ · min(1, clipping_norm / ‖Δ‖), ‖Δ‖ being the L2 norm over all arrays together.
///
/// Computed in double; floating-point arrays keep their type and integers become float64. Arrays of
/// an update that is short enough stay what they are. Clipped arrays are replaced one by one, so
/// that only one is held twice.
/// @param clipping_norm finite and above 0.
/// @return whether the update was longer than `clipping_norm`; `kInvalidArgument` naming an array
///   that does not fit `global` in keys and shapes, is not of real numbers, or makes the norm
///   infinite or NaN, and the arrays are as before; `kResourceExhausted` without memory, and some
///   may be clipped already.
StatusOr<bool> ClipUpdate(const ArrayRecord& global, ArrayRecord& arrays, double clipping_norm);

/// @return `kInvalidArgument` naming an array that is not of real numbers, or that holds NaN or
///   infinity.
Status CheckFinite(const ArrayRecord& arrays);

}  // namespace flwrcpp::internal
