// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "flwrcpp/client_app.h"
#include "flwrcpp/status.h"

/// Flower's mods for differential privacy. (`flwr.clientapp.mod`, `flwr.client.mod`)
///
///     app.Use(FixedClippingMod());
///
/// Each serves both kinds of ServerApp: message-based ones, whose instructions and replies hold one
/// ArrayRecord and so on, and classic ones, by Flower's names of their records
/// (`fitins.parameters`, `fitres.parameters`, …).
///
/// They look at train messages and let all others through. With θ the arrays of the instruction and
/// w those of the reply, which must have the same keys in the same order and the same shapes, they
/// work on the update w − θ. Computed in double; floating-point arrays keep their type, integers
/// become float64 when they change. When something is not as a mod expects, and for updates of NaN
/// or infinity, it sends an error reply of code 6 (MOD_FAILED_PRECONDITION) that says what, and
/// nothing of the update leaves the node. Error replies of what is inside go through as they are.
///
/// A mod clips what comes from inside it, so it has to be outside of all that change arrays (added
/// before them), and inside secure aggregation. What each protects and what not: docs/privacy.md.
namespace flwrcpp {

/// Scales the update to the L2 norm that the instruction's config names as `clipping_norm`, if it
/// is longer. Node's part of `DifferentialPrivacyClientSideFixedClipping`.
/// (`fixedclipping_mod`)
Mod FixedClippingMod();

/// As FixedClippingMod, and says in the reply's metrics whether the update was longer: `norm_bit`
/// is 1 or 0, for classic ServerApps true or false. Node's part of
/// `DifferentialPrivacyClientSideAdaptiveClipping`. (`adaptiveclipping_mod`)
Mod AdaptiveClippingMod();

/// Settings of `LocalDpMod`, with Flower's names; all are required.
struct LocalDpOptions {
  double clipping_norm = 0;  ///< Above 0.
  double sensitivity = -1;   ///< Of the clipped update, at least 0.
  double epsilon = 0;        ///< Above 0; the bound is proven for less than 1.
  double delta = 0;          ///< Above 0 and below 1.
  /// Makes the noise predictable, and so void: for tests. Empty: noise from OpenSSL's generator for
  /// private keys.
  std::optional<std::uint64_t> noise_seed;
};

/// Local differential privacy: scales the update to at most `clipping_norm`, then adds independent
/// noise of N(0, σ²) to each element, σ = sensitivity · √(2 · ln(1.25 / delta)) / epsilon, the
/// Gaussian mechanism (Dwork and Roth, 2014, "The Algorithmic Foundations of Differential Privacy",
/// theorem A.1). (`LocalDpMod`)
///
/// The guarantee is for one reply; those of several rounds add up. Copies of the mod draw from one
/// source of noise, so they must not run at the same time; a node calls its handlers one by one.
/// @return `kInvalidArgument` for a number out of range, `kInternal` without randomness.
StatusOr<Mod> LocalDpMod(const LocalDpOptions& options);

}  // namespace flwrcpp
