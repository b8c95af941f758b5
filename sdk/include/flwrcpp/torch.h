// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

// Declared, not included: libtorch's headers cost seconds in every file that sees them.
namespace torch::nn {
class Module;
}

namespace flwrcpp {

/// The state of a module: parameters and buffers under the names and in the order of Python's
/// `state_dict()` (of each module first its parameters, then its buffers, then its children), as
/// `ArrayRecord(module.state_dict())` gives in Python.
///
/// Copies every tensor once, from whatever device it is on. Not safe while another thread changes
/// the module.
/// @return `kInvalidArgument` naming the first tensor whose type NumPy does not have (bfloat16, …),
///   `kInternal` with libtorch's text when it fails.
StatusOr<ArrayRecord> ToArrayRecord(const torch::nn::Module& module);

/// Puts arrays into a module's parameters and buffers, as `load_state_dict()` does in Python.
///
/// Arrays are matched by name. If they are called "0", "1", … (parameters of a classic ServerApp)
/// they are taken in the order of `ToArrayRecord`. Numbers are converted between floating-point
/// types, and from floating point to integers by truncation: a weighted mean turns an integer
/// buffer like `num_batches_tracked` into float64.
///
/// Everything is checked before the first tensor is written. Not safe while another thread uses
/// the module.
/// @return `kInvalidArgument` naming the array, what was expected and what came: a name that is
///   missing or unknown, another shape, a type that does not convert, a damaged array, a number
///   that does not fit the integer type. `kInternal` with libtorch's text when it fails.
Status LoadArrayRecord(const ArrayRecord& arrays, torch::nn::Module& module);

}  // namespace flwrcpp
