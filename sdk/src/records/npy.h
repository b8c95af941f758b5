// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flwrcpp/array.h"
#include "flwrcpp/status.h"

namespace flwrcpp::internal {

/// Longest header text NumPy loads by default.
inline constexpr std::size_t kMaxNpyHeaderText = 10000;

/// The complete `.npy` prefix (magic, version 1.0, header text) as NumPy writes it: element data
/// begins at a multiple of 64 bytes.
std::string MakeNpyPrefix(std::string_view descr, bool fortran_order,
                          const std::vector<std::int64_t>& shape);

/// Bytes of the prefix of an `.npy`, read from its first 12 bytes (fewer only if the file is
/// shorter).
/// @return `kInvalidArgument` without the magic, for another version, or for a header above
///   `kMaxNpyHeaderText`.
StatusOr<std::size_t> NpyPrefixSize(std::string_view first_bytes);

/// Reads a complete prefix.
/// @return `kInvalidArgument` saying what is wrong: damaged text, missing key, structured or object
///   dtype, negative dimension, more elements than an int64 can count.
StatusOr<NpyHeader> ParseNpyPrefix(std::string_view prefix);

/// Bytes of one element of `descr`, 0 if NumPy could not load it without pickling.
std::size_t ItemSizeOfDescr(std::string_view descr);

}  // namespace flwrcpp::internal
