// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flwrcpp/torch.h"
#include "internal/errors.h"
#include "internal/status_macros.h"

namespace flwrcpp {
namespace {

using internal::InvalidArgument;
using internal::MakeError;

struct DtypePair {
  std::string_view dtype;  ///< NumPy's name.
  std::string_view descr;  ///< NumPy's type string without the byte order.
  torch::ScalarType scalar_type;
};

constexpr DtypePair kDtypes[] = {
    {"float32", "f4", torch::kFloat32},
    {"float64", "f8", torch::kFloat64},
    {"float16", "f2", torch::kFloat16},
    {"int64", "i8", torch::kInt64},
    {"int32", "i4", torch::kInt32},
    {"int16", "i2", torch::kInt16},
    {"int8", "i1", torch::kInt8},
    {"uint8", "u1", torch::kUInt8},
    {"bool", "b1", torch::kBool},
    {"complex64", "c8", torch::kComplexFloat},
    {"complex128", "c16", torch::kComplexDouble},
};

struct NamedTensor {
  std::string name;
  torch::Tensor tensor;
};

void AppendState(const torch::nn::Module& module, const std::string& prefix,
                 std::vector<NamedTensor>& state) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    state.push_back({prefix + item.key(), item.value().detach()});
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    state.push_back({prefix + item.key(), item.value().detach()});
  }
  for (const auto& child : module.named_children()) {
    AppendState(*child.value(), prefix + child.key() + ".", state);
  }
}

std::vector<NamedTensor> State(const torch::nn::Module& module) {
  std::vector<NamedTensor> state;
  AppendState(module, "", state);
  return state;
}

/// A tensor that is `bytes` seen as `type` and `shape`; valid as long as these are.
torch::Tensor View(std::span<std::byte> bytes, torch::IntArrayRef shape, torch::ScalarType type) {
  return torch::from_blob(bytes.data(), shape, torch::TensorOptions().dtype(type));
}

/// The memory of a contiguous tensor on the CPU.
std::span<std::byte> Memory(const torch::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

std::string ShapeText(torch::IntArrayRef shape) {
  return fmt::format("({})", fmt::join(shape.begin(), shape.end(), ", "));
}

StatusOr<ArrayRecord> MakeRecord(const torch::nn::Module& module) {
  ArrayRecord arrays;
  for (const NamedTensor& item : State(module)) {
    std::string_view dtype;
    for (const DtypePair& pair : kDtypes) {
      if (pair.scalar_type == item.tensor.scalar_type()) dtype = pair.dtype;
    }
    if (dtype.empty()) {
      return InvalidArgument("tensor '{}' is of type {}, which NumPy does not have", item.name,
                             torch::toString(item.tensor.scalar_type()));
    }
    const torch::IntArrayRef shape = item.tensor.sizes();
    FLWRCPP_ASSIGN_OR_RETURN(
        Array array, Array::Build(dtype, shape.vec(), [&item, shape](std::span<std::byte> out) {
          View(out, shape, item.tensor.scalar_type()).copy_(item.tensor);
        }));
    arrays.Set(item.name, std::move(array));
  }
  return arrays;
}

/// An array and the tensor it goes to, checked against each other.
struct Assignment {
  const Array* array = nullptr;
  torch::Tensor target;
  torch::ScalarType type = torch::kFloat32;  ///< Of the array's elements.
  std::optional<torch::Tensor> values;       ///< The elements, where they had to be looked at.
};

StatusOr<torch::Tensor> Elements(const Array& array, torch::IntArrayRef shape,
                                 torch::ScalarType type) {
  torch::Tensor values = torch::empty(shape, torch::TensorOptions().dtype(type));
  FLWRCPP_RETURN_IF_ERROR(array.CopyElements(Memory(values)));
  return values;
}

/// Whether every number, cut to an integer, is one of `type`.
bool FitsInteger(const torch::Tensor& values, torch::ScalarType type) {
  if (values.numel() == 0) return true;
  const bool is_signed = torch::isSignedType(type);
  const int bits = static_cast<int>(torch::elementSize(type)) * 8;
  const double above = std::ldexp(1.0, is_signed ? bits - 1 : bits);
  const double below = is_signed ? -above - 1 : -1;
  const torch::Tensor doubles = values.to(torch::kFloat64);
  // A NaN makes both extremes NaN, which compare false.
  return doubles.min().item<double>() > below && doubles.max().item<double>() < above;
}

/// @param what names the array in errors.
StatusOr<Assignment> Check(const Array& array, const torch::Tensor& target,
                           const std::string& what) {
  const StatusOr<NpyHeader> header = array.Header();
  if (!header.ok()) return internal::Annotate(header.status(), what);
  if (torch::IntArrayRef(header->shape) != target.sizes()) {
    return InvalidArgument("{} has the shape {}, the model expects {}", what,
                           ShapeText(header->shape), ShapeText(target.sizes()));
  }
  Assignment assignment{&array, target, torch::kFloat32, std::nullopt};
  const std::string_view descr = std::string_view(header->descr).substr(1);
  const auto* known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                   [descr](const DtypePair& pair) { return pair.descr == descr; });
  const torch::ScalarType wanted = target.scalar_type();
  const bool to_integer = torch::isIntegralType(wanted, /*includeBool=*/false);
  if (known == std::end(kDtypes) ||
      (known->scalar_type != wanted && !(torch::isFloatingType(known->scalar_type) &&
                                         (torch::isFloatingType(wanted) || to_integer)))) {
    return InvalidArgument("{} has elements of type {}, the model expects {}", what, header->descr,
                           torch::toString(wanted));
  }
  assignment.type = known->scalar_type;
  if (to_integer && assignment.type != wanted) {
    FLWRCPP_ASSIGN_OR_RETURN(assignment.values, Elements(array, target.sizes(), assignment.type));
    if (!FitsInteger(*assignment.values, wanted)) {
      return InvalidArgument("{} has a number that does not fit {}, the type of the model", what,
                             torch::toString(wanted));
    }
  }
  return assignment;
}

Status Apply(const Assignment& assignment) {
  const torch::Tensor& target = assignment.target;
  if (assignment.type == target.scalar_type() && target.is_contiguous() &&
      target.device().is_cpu()) {
    return assignment.array->CopyElements(Memory(target));
  }
  torch::Tensor values;
  if (assignment.values) {
    values = *assignment.values;
  } else {
    FLWRCPP_ASSIGN_OR_RETURN(values, Elements(*assignment.array, target.sizes(), assignment.type));
  }
  target.copy_(values);
  return {};
}

/// True when the arrays are called "0", "1", … in this order.
bool IsPositional(const ArrayRecord& arrays) {
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (arrays.item(i).first != std::to_string(i)) return false;
  }
  return !arrays.empty();
}

/// Why `arrays` do not have the names of `state`.
Status NamesDiffer(const ArrayRecord& arrays, const std::vector<NamedTensor>& state) {
  std::string difference;
  for (const NamedTensor& item : state) {
    if (!arrays.contains(item.name)) {
      difference += fmt::format(", '{}' is missing", item.name);
      break;
    }
  }
  for (const auto& [name, array] : arrays) {
    const auto is_it = [&name = name](const NamedTensor& item) { return item.name == name; };
    if (std::none_of(state.begin(), state.end(), is_it)) {
      difference += fmt::format(", '{}' is not one of them", name);
      break;
    }
  }
  return InvalidArgument("the model has {} parameters and buffers, {} arrays came{}", state.size(),
                         arrays.size(), difference);
}

Status LoadRecord(const ArrayRecord& arrays, const torch::nn::Module& module) {
  const std::vector<NamedTensor> state = State(module);
  const bool by_name = arrays.size() == state.size() &&
                       std::all_of(state.begin(), state.end(), [&arrays](const NamedTensor& item) {
                         return arrays.contains(item.name);
                       });
  if (!by_name && (arrays.size() != state.size() || !IsPositional(arrays))) {
    return NamesDiffer(arrays, state);
  }
  std::vector<Assignment> assignments;
  assignments.reserve(state.size());
  for (std::size_t i = 0; i < state.size(); ++i) {
    const auto& [name, tensor] = state[i];
    const Array& array = by_name ? *arrays.Find(name) : arrays.item(i).second;
    const std::string what =
        by_name ? fmt::format("array '{}'", name) : fmt::format("array '{}' (for '{}')", i, name);
    FLWRCPP_ASSIGN_OR_RETURN(Assignment assignment, Check(array, tensor, what));
    assignments.push_back(std::move(assignment));
  }
  for (const Assignment& assignment : assignments) FLWRCPP_RETURN_IF_ERROR(Apply(assignment));
  return {};
}

/// Calls `function` where libtorch's exceptions end.
template <typename Function>
auto Guarded(const Function& function) -> decltype(function()) {
  try {
    const torch::NoGradGuard no_grad;
    return function();
  } catch (const c10::Error& error) {
    return MakeError(StatusCode::kInternal, "libtorch: {}", error.what_without_backtrace());
  } catch (const std::exception& error) {
    return MakeError(StatusCode::kInternal, "libtorch: {}", error.what());
  }
}

}  // namespace

StatusOr<ArrayRecord> ToArrayRecord(const torch::nn::Module& module) {
  return Guarded([&module] { return MakeRecord(module); });
}

Status LoadArrayRecord(const ArrayRecord& arrays, torch::nn::Module& module) {
  return Guarded([&arrays, &module] { return LoadRecord(arrays, module); });
}

}  // namespace flwrcpp
