// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flwrcpp/client_app.h"

namespace flwrcpp {

/// The node's side of secure aggregation: the server learns the weighted mean of the nodes' models,
/// and of this node's model nothing else. What that is worth, and what it does not protect, is said
/// in `docs/secure-aggregation.md`. (`flwr.client.mod.secaggplus_mod`; SecAgg+: Bell et al., 2020,
/// "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead")
///
///     ClientApp app = MakeClientApp(client_fn);
///     app.Use(SecAggPlusMod());
///
/// For ServerApps whose rounds go by `SecAggPlusWorkflow`, Flower's or ours. They send four
/// messages of type `train` to a round; the third one also holds what the app trains with, in
/// classic records
/// (`fitins.*`), and the app's arrays leave the node masked. Arrays of float32, float64, integers
/// and bool can be; NaN cannot. A mod that is to see the arrays has to be added after this one.
/// Messages of other types go on to the app unchanged.
///
/// What the next stage needs is kept in `Context::state`, keys included, and is gone with the
/// answer to the last one. Memory: 8 bytes an element beside what the app returned.
///
/// A message that is out of turn, malformed, or asks for what the protocol does not allow is
/// answered by an error that says so, and changes nothing: a train message without secure
/// aggregation, keys that are used twice, fewer nodes than the threshold, both shares of one
/// neighbour.
Mod SecAggPlusMod();

/// The same: on a node SecAgg (Bonawitz et al., 2017, "Practical Secure Aggregation for
/// Privacy-Preserving Machine Learning") is SecAgg+ with all nodes as neighbours.
/// (`flwr.client.mod.secagg_mod`)
Mod SecAggMod();

}  // namespace flwrcpp
