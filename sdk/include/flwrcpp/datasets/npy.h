// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flwrcpp/datasets/table.h"
#include "flwrcpp/status.h"

namespace flwrcpp::datasets {

/// Reads the array of an `.npy` file (versions 1 to 3) as one column called `name`: the first axis
/// counts the rows.
///
/// Integers and booleans of one dimension become a column of `std::int64_t`, real numbers of one
/// dimension one of `double`, texts (NumPy's `U` as UTF-8, `S` as its bytes) one of `std::string`.
/// Arrays of more dimensions keep their element type in an `ArrayColumn`; there booleans are bytes
/// and float16 becomes float. Elements come out in C order and the byte order of the machine,
/// however the file has them.
///
/// @param max_bytes longest array that is read, with its header.
/// @return `kNotFound` or `kUnavailable` for a file that cannot be read, `kResourceExhausted` above
///   `max_bytes`, `kDataLoss` naming the file for a damaged or truncated one, and
///   `kInvalidArgument` for an array that is no column: without dimensions, without elements in a
///   row, or of complex, long double, time, structured or object type.
StatusOr<Table> ReadNpy(const std::string& path, const std::string& name, std::uint64_t max_bytes);

/// Reads arrays of an `.npz` file (a zip file of `.npy`, as `numpy.savez` and
/// `numpy.savez_compressed` write it) as a table with one column for each, as `ReadNpy`.
///
/// @param names of the arrays, without ".npy", in the order that the columns shall have; empty:
///   all of the file in its order. They must have the same number of rows: name those of one split
///   where a file holds several (`{"x_train", "y_train"}`).
/// @param max_bytes longest file, and most bytes of the chosen arrays together when unpacked.
/// @return as `ReadNpy`; `kNotFound` for a name that the file does not have, `kInvalidArgument` for
///   arrays that differ in their number of rows.
StatusOr<Table> ReadNpz(const std::string& path, const std::vector<std::string>& names,
                        std::uint64_t max_bytes);

/// A bound for `max_bytes` that the usual datasets keep: 4 GiB.
inline constexpr std::uint64_t kDefaultMaxArrayBytes = std::uint64_t{4} << 30;

}  // namespace flwrcpp::datasets
