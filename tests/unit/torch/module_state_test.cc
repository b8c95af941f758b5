// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "flwrcpp/torch.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using flwrcpp::testing::IsOk;
using flwrcpp::testing::StatusIs;
using ::testing::ElementsAre;

/// A module with one of everything, like a layer followed by batch normalisation.
struct Net : torch::nn::Module {
  struct Norm : torch::nn::Module {
    Norm() {
      count = register_buffer("num_batches_tracked", torch::tensor(std::int64_t{5}));
      weight = register_parameter("weight", torch::tensor({1.0F, 2.0F}));
    }
    torch::Tensor count;
    torch::Tensor weight;
  };

  Net() {
    norm = register_module("norm", std::make_shared<Norm>());
    scale = register_buffer("scale", torch::tensor({0.5}, torch::kFloat64));
    weight = register_parameter("weight", torch::arange(6, torch::kFloat32).reshape({2, 3}));
    register_parameter("bias", torch::Tensor(), false);  // As a layer without bias registers it.
  }

  std::shared_ptr<Norm> norm;
  torch::Tensor scale;
  torch::Tensor weight;
};

std::vector<std::string> Names(const ArrayRecord& arrays) {
  std::vector<std::string> names;
  for (const auto& item : arrays) names.push_back(item.first);
  return names;
}

template <typename T>
Array Of(std::vector<T> values, std::vector<std::int64_t> shape) {
  return *Array::From(values, std::move(shape));
}

/// Arrays that fit `Net`.
ArrayRecord NewArrays() {
  return {{"weight", Of<float>({9, 8, 7, 6, 5, 4}, {2, 3})},
          {"scale", Of<double>({0.25}, {1})},
          {"norm.weight", Of<float>({-1, -2}, {2})},
          {"norm.num_batches_tracked", Of<std::int64_t>({6}, {})}};
}

/// All numbers of a net, to see whether anything changed.
std::vector<double> Numbers(const Net& net) {
  const torch::NoGradGuard no_grad;
  std::vector<double> numbers;
  for (const torch::Tensor& tensor : {net.weight, net.scale, net.norm->weight, net.norm->count}) {
    const torch::Tensor flat = tensor.to(torch::kFloat64).reshape({-1}).contiguous();
    numbers.insert(numbers.end(), flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
  }
  return numbers;
}

TEST(ToArrayRecord, NamesAndOrderAreThoseOfStateDict) {
  const Net net;

  const StatusOr<ArrayRecord> arrays = ToArrayRecord(net);

  // What Python's state_dict() lists: parameters, buffers, then children.
  ASSERT_THAT(arrays, IsOk());
  EXPECT_THAT(Names(*arrays),
              ElementsAre("weight", "scale", "norm.weight", "norm.num_batches_tracked"));
}

TEST(ToArrayRecord, KeepsTypesShapesAndNumbers) {
  const Net net;

  const StatusOr<ArrayRecord> arrays = ToArrayRecord(net);

  ASSERT_THAT(arrays, IsOk());
  const Array& weight = *arrays->Find("weight");
  EXPECT_EQ(weight.dtype(), "float32");
  EXPECT_THAT(weight.shape(), ElementsAre(2, 3));
  EXPECT_THAT(*weight.ToVector<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(*arrays->Find("scale")->ToVector<double>(), ElementsAre(0.5));
  const Array& count = *arrays->Find("norm.num_batches_tracked");
  EXPECT_THAT(count.shape(), ElementsAre());
  EXPECT_THAT(*count.ToVector<std::int64_t>(), ElementsAre(5));
}

TEST(ToArrayRecord, DoesNotShareMemoryWithTheModule) {
  Net net;
  const StatusOr<ArrayRecord> arrays = ToArrayRecord(net);
  ASSERT_THAT(arrays, IsOk());

  {
    const torch::NoGradGuard no_grad;
    net.weight.fill_(100);
  }

  EXPECT_THAT(*arrays->Find("weight")->ToVector<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(ToArrayRecord, WritesTransposedTensorsInCOrder) {
  torch::nn::Module module;
  module.register_buffer("t", torch::arange(6, torch::kFloat32).reshape({2, 3}).t());

  const StatusOr<ArrayRecord> arrays = ToArrayRecord(module);

  ASSERT_THAT(arrays, IsOk());
  EXPECT_THAT(arrays->Find("t")->shape(), ElementsAre(3, 2));
  EXPECT_THAT(*arrays->Find("t")->ToVector<float>(), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(ToArrayRecord, RejectsATypeThatNumPyDoesNotHave) {
  torch::nn::Module module;
  module.register_buffer("half", torch::zeros({2}, torch::kBFloat16));

  EXPECT_THAT(ToArrayRecord(module), StatusIs(StatusCode::kInvalidArgument, "'half'"));
}

TEST(LoadArrayRecord, WritesIntoTheExistingTensors) {
  Net net;
  const void* const memory = net.weight.data_ptr();

  ASSERT_THAT(LoadArrayRecord(NewArrays(), net), IsOk());

  EXPECT_THAT(Numbers(net), ElementsAre(9, 8, 7, 6, 5, 4, 0.25, -1, -2, 6));
  EXPECT_EQ(net.weight.data_ptr(), memory);
  EXPECT_TRUE(net.weight.requires_grad());
}

TEST(LoadArrayRecord, MatchesByNameInAnyOrder) {
  Net net;
  ArrayRecord reversed;
  const ArrayRecord arrays = NewArrays();
  for (std::size_t i = arrays.size(); i-- > 0;) {
    reversed.Set(arrays.item(i).first, arrays.item(i).second);
  }

  ASSERT_THAT(LoadArrayRecord(reversed, net), IsOk());

  EXPECT_THAT(Numbers(net), ElementsAre(9, 8, 7, 6, 5, 4, 0.25, -1, -2, 6));
}

TEST(LoadArrayRecord, TakesTheNumberedArraysOfAClassicServerByPosition) {
  Net net;
  ArrayRecord numbered;
  for (const auto& item : NewArrays()) numbered.Set(std::to_string(numbered.size()), item.second);

  ASSERT_THAT(LoadArrayRecord(numbered, net), IsOk());

  EXPECT_THAT(Numbers(net), ElementsAre(9, 8, 7, 6, 5, 4, 0.25, -1, -2, 6));
}

TEST(LoadArrayRecord, LoadsWhatToArrayRecordGave) {
  Net from;
  ASSERT_THAT(LoadArrayRecord(NewArrays(), from), IsOk());
  Net to;

  ASSERT_THAT(LoadArrayRecord(*ToArrayRecord(from), to), IsOk());

  EXPECT_EQ(Numbers(to), Numbers(from));
}

TEST(LoadArrayRecord, WritesIntoTransposedTensors) {
  torch::nn::Module module;
  const torch::Tensor tensor =
      module.register_buffer("t", torch::zeros({2, 3}, torch::kFloat32).t());

  ASSERT_THAT(LoadArrayRecord({{"t", Of<float>({0, 3, 1, 4, 2, 5}, {3, 2})}}, module), IsOk());

  EXPECT_TRUE(tensor.equal(torch::arange(6, torch::kFloat32).reshape({2, 3}).t()));
}

TEST(LoadArrayRecord, ConvertsTheDoublesThatAveragingLeaves) {
  Net net;
  ArrayRecord arrays = NewArrays();
  arrays.Set("norm.weight", Of<double>({0.5, 1.5}, {2}));
  arrays.Set("norm.num_batches_tracked", Of<double>({7.75}, {}));

  ASSERT_THAT(LoadArrayRecord(arrays, net), IsOk());

  EXPECT_THAT(Numbers(net), ElementsAre(9, 8, 7, 6, 5, 4, 0.25, 0.5, 1.5, 7));
}

struct BadArrays {
  std::string name;
  std::string error;
  void (*change)(ArrayRecord& arrays);
};

class LoadArrayRecordRejects : public ::testing::TestWithParam<BadArrays> {};

TEST_P(LoadArrayRecordRejects, WithoutChangingTheModel) {
  Net net;
  const std::vector<double> before = Numbers(net);
  ArrayRecord arrays = NewArrays();
  GetParam().change(arrays);

  const Status status = LoadArrayRecord(arrays, net);

  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, GetParam().error));
  EXPECT_EQ(Numbers(net), before);
}

ArrayRecord Without(const ArrayRecord& arrays, const std::string& name) {
  ArrayRecord rest;
  for (const auto& item : arrays) {
    if (item.first != name) rest.Set(item.first, item.second);
  }
  return rest;
}

INSTANTIATE_TEST_SUITE_P(
    Arrays, LoadArrayRecordRejects,
    ::testing::Values(
        BadArrays{"Missing", "has 4 parameters and buffers, 3 arrays came, 'scale' is missing",
                  [](ArrayRecord& a) { a = Without(a, "scale"); }},
        BadArrays{"TooMany", "5 arrays came, 'extra' is not one of them",
                  [](ArrayRecord& a) { a.Set("extra", Of<float>({1}, {1})); }},
        BadArrays{"OtherName", "'scale' is missing, 'Scale' is not one of them",
                  [](ArrayRecord& a) {
                    a = Without(a, "scale");
                    a.Set("Scale", Of<double>({1}, {1}));
                  }},
        BadArrays{"None", "0 arrays came", [](ArrayRecord& a) { a.clear(); }},
        BadArrays{"OtherShape", "'norm.weight' has the shape (1, 2), the model expects (2)",
                  [](ArrayRecord& a) {
                    a.Set("norm.weight", Of<float>({1, 2}, {1, 2}));
                  }},
        BadArrays{"IntegersForFloats", "'norm.weight' has elements of type <i8, the model expects",
                  [](ArrayRecord& a) {
                    a.Set("norm.weight", Of<std::int64_t>({1, 2}, {2}));
                  }},
        BadArrays{"NotANumberForAnInteger",
                  "'norm.num_batches_tracked' has a number that does not fit Long",
                  [](ArrayRecord& a) {
                    a.Set("norm.num_batches_tracked",
                          Of<double>({std::numeric_limits<double>::quiet_NaN()}, {}));
                  }},
        BadArrays{
            "TooLargeForAnInteger", "does not fit Long",
            [](ArrayRecord& a) { a.Set("norm.num_batches_tracked", Of<double>({1e19}, {})); }},
        BadArrays{"Damaged", "'norm.num_batches_tracked'",
                  [](ArrayRecord& a) {
                    a.Set("norm.num_batches_tracked",
                          Array("int64", {}, "numpy.ndarray", {Bytes(std::string("\x93NUMP"))}));
                  }}),
    [](const auto& suite) { return suite.param.name; });

}  // namespace
}  // namespace flwrcpp
