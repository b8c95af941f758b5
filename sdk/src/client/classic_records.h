// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "flwrcpp/client.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

/// Records of Flower's classic (legacy) layer, between ServerApps with a `client_fn` style
/// strategy and their nodes. A ServerApp reads every record of a reply, so all are written.
namespace flwrcpp::internal::classic {

inline constexpr char kFitParameters[] = "fitins.parameters";
inline constexpr char kFitConfig[] = "fitins.config";
inline constexpr char kFitResParameters[] = "fitres.parameters";
inline constexpr char kFitResNumExamples[] = "fitres.num_examples";
inline constexpr char kFitResMetrics[] = "fitres.metrics";
inline constexpr char kFitResStatus[] = "fitres.status";
inline constexpr char kEvaluateParameters[] = "evaluateins.parameters";
inline constexpr char kEvaluateConfig[] = "evaluateins.config";
inline constexpr char kGetParametersConfig[] = "getparametersins.config";
inline constexpr char kGetPropertiesConfig[] = "getpropertiesins.config";

/// The parameters of an instruction in their order, named "0", "1", …
ArrayRecord ReadParameters(const ArrayRecord& parameters);

/// The parameters of a reply, likewise. An empty list has an array that stands for it.
ArrayRecord WriteParameters(const ArrayRecord& parameters);

/// The replies. A result of code `kUnimplemented` becomes Flower's "not implemented" status; other
/// failures are none of a reply's business.
RecordDict FitReply(const StatusOr<FitRes>& result);
RecordDict EvaluateReply(const StatusOr<EvaluateRes>& result);
RecordDict GetParametersReply(const StatusOr<ArrayRecord>& result);
RecordDict GetPropertiesReply(const StatusOr<ConfigRecord>& result);

}  // namespace flwrcpp::internal::classic
