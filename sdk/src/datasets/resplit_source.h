// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "flwrcpp/datasets/data_source.h"
#include "flwrcpp/datasets/preprocessor.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// A source with the rows of `source` in other splits.
/// @return `kInvalidArgument` for a row that `source` does not have.
StatusOr<std::shared_ptr<const datasets::DataSource>> MakeResplitSource(
    std::shared_ptr<const datasets::DataSource> source, datasets::Splits splits);

}  // namespace flwrcpp::internal
