// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "client/secagg/stages.h"
#include "crypto/ec_key.h"
#include "internal/errors.h"
#include "internal/log.h"
#include "internal/status_macros.h"
#include "secagg/masked_arrays.h"
#include "secagg/quantization.h"
#include "secagg/shared_key.h"

namespace flwrcpp::internal::secagg {
namespace {

/// Stands for an empty list in classic records.
constexpr char kEmptyMark[] = "_empty";

/// Numbers in [0, 1) of 53 random bits.
class UniformNumbers {
 public:
  double operator()() {
    if (next_ == bits_.size()) {
      if (RAND_bytes(reinterpret_cast<unsigned char*>(bits_.data()), sizeof bits_) != 1) {
        throw std::bad_alloc();
      }
      next_ = 0;
    }
    return static_cast<double>(bits_[next_++] >> 11) * 0x1p-53;
  }

 private:
  std::array<std::uint64_t, 1024> bits_;
  std::size_t next_ = bits_.size();
};

/// Calls `function` with the elements: floats as they are, integers and bools as double, as NumPy
/// computes a product with a Python float.
template <typename Function>
Status VisitElements(const Array& array, const std::string& dtype, const Function& function) {
  const auto as_double = [&]<typename T>(T) -> Status {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<T> values, array.ToVector<T>());
    return function(std::span<const double>(std::vector<double>(values.begin(), values.end())));
  };
  if (dtype == "float32") {
    FLWRCPP_ASSIGN_OR_RETURN(const std::vector<float> values, array.ToVector<float>());
    return function(std::span<const float>(values));
  }
  if (dtype == "float64") return as_double(double());
  if (dtype == "int8") return as_double(std::int8_t());
  if (dtype == "int16") return as_double(std::int16_t());
  if (dtype == "int32") return as_double(std::int32_t());
  if (dtype == "int64") return as_double(std::int64_t());
  if (dtype == "uint8") return as_double(std::uint8_t());
  if (dtype == "uint16") return as_double(std::uint16_t());
  if (dtype == "uint32") return as_double(std::uint32_t());
  if (dtype == "uint64") return as_double(std::uint64_t());
  if (dtype == "bool") return as_double(bool());
  return InvalidArgument("arrays of {} cannot be masked", dtype);
}

/// NumPy's name of the type in native byte order.
std::string NativeDtype(std::string descr) {
  if (descr[0] == '>') descr[0] = '<';
  return DtypeOfDescr(descr);
}

/// The masked numbers of arrays as they are sent.
StatusOr<std::vector<ByteString>> ToNpy(const MaskedArrays& arrays,
                                        const std::vector<std::vector<std::int64_t>>& shapes) {
  std::vector<ByteString> files;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    FLWRCPP_ASSIGN_OR_RETURN(const Array array,
                             Array::Build("int64", shapes[i], [&](std::span<std::byte> out) {
                               if (!out.empty())
                                 std::memcpy(out.data(), arrays[i].data(), out.size());
                             }));
    files.push_back({std::string(array.Contiguous().view())});
  }
  return files;
}

/// The node's weight, to be in the sum and to multiply its parameters with.
StatusOr<std::int64_t> WeightOf(std::int64_t num_examples, const Settings& settings) {
  if (num_examples < 0) return InvalidArgument("{} examples", num_examples);
  if (static_cast<double>(num_examples) > settings.max_weight) {
    Log(LogLevel::kWarning,
        "secure aggregation: {} examples are more than max_weight {}; sums may overflow",
        num_examples, settings.max_weight);
  }
  const double weight = static_cast<double>(num_examples) / settings.max_weight *
                        static_cast<double>(settings.target_range);
  if (weight >= static_cast<double>(settings.mod_range)) {
    return InvalidArgument("{} examples are too many for max_weight {}", num_examples,
                           settings.max_weight);
  }
  return QuantizeWeight(num_examples, settings);
}

Status AddMasks(std::uint64_t own_id, const NodeState& state, MaskedArrays& arrays) {
  const std::uint64_t mod_range = static_cast<std::uint64_t>(state.settings.mod_range);
  FLWRCPP_RETURN_IF_ERROR(AddMask(AsView(state.rd_seed), mod_range, MaskSign::kPlus, arrays));
  FLWRCPP_ASSIGN_OR_RETURN(const EcPrivateKey sk1, EcPrivateKey::Parse(AsView(state.sk1)));
  for (const Neighbour& neighbour : state.neighbours) {
    // Who did not share its keys is not in the round: nobody could take its masks off.
    if (neighbour.node_id == own_id || neighbour.sk1_share.empty()) continue;
    FLWRCPP_ASSIGN_OR_RETURN(const EcPublicKey pk1, ParsePublicKey(neighbour.pk1));
    FLWRCPP_ASSIGN_OR_RETURN(const SecretBytes key, GenerateSharedKey(sk1, pk1));
    FLWRCPP_RETURN_IF_ERROR(
        AddMask(AsView(key), mod_range, PairwiseSign(own_id, neighbour.node_id), arrays));
  }
  Reduce(mod_range, arrays);
  return absl::OkStatus();
}

}  // namespace

StatusOr<ConfigRecord> MaskParameters(std::uint64_t own_id, const ArrayRecord& parameters,
                                      std::int64_t num_examples, const NodeState& state) {
  const Settings& settings = state.settings;
  FLWRCPP_ASSIGN_OR_RETURN(const std::int64_t weight, WeightOf(num_examples, settings));
  const double factor = static_cast<double>(weight) / static_cast<double>(settings.target_range);
  MaskedArrays arrays = {{static_cast<std::uint64_t>(weight)}};
  std::vector<std::vector<std::int64_t>> shapes = {{1}};
  UniformNumbers uniform;
  for (const auto& [name, array] : parameters) {
    if (name == kEmptyMark) continue;
    const auto quantize = [&](auto values) -> Status {
      std::vector<std::uint64_t>& out = arrays.emplace_back(values.size());
      if (Quantize(values, factor, settings, uniform, std::span(out))) return absl::OkStatus();
      return InvalidArgument("it holds NaN");
    };
    const StatusOr<NpyHeader> header = array.Header();
    const Status status =
        header.ok() ? VisitElements(array, NativeDtype(header->descr), quantize) : header.status();
    if (!status.ok()) return Annotate(status, "array '" + name + "'");
    shapes.push_back(header->shape);
  }
  FLWRCPP_RETURN_IF_ERROR(AddMasks(own_id, state, arrays));
  FLWRCPP_ASSIGN_OR_RETURN(std::vector<ByteString> masked, ToNpy(arrays, shapes));
  ConfigRecord reply;
  reply.Set(kMaskedParameters, std::move(masked));
  return reply;
}

}  // namespace flwrcpp::internal::secagg
