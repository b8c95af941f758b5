// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "flwrcpp/array.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "records/npy.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::FromHex;
using testing::IsOk;
using testing::StatusIs;
using testing::Vectors;

StatusOr<Array> FromVector(const char* name) {
  return Array::FromNpy(Bytes(FromHex(Vectors()["arrays"][name]["data_hex"])));
}

std::string Npy(const std::string& text, const std::string& data, char version = 1) {
  std::string npy = "\x93NUMPY";
  npy += version;
  npy += '\0';
  npy += static_cast<char>(text.size() & 0xff);
  npy += static_cast<char>(text.size() >> 8);
  if (version > 1) npy += std::string(2, '\0');
  return npy + text + data;
}

TEST(Array, ValuesComeBackAsTheyWerePutIn) {
  const std::vector<double> values = {1.5, -2, 1e300, 0, 4, 5};

  const auto array = Array::From(values, {2, 3});

  ASSERT_THAT(array, IsOk());
  EXPECT_EQ(array->dtype(), "float64");
  EXPECT_EQ(array->shape(), (std::vector<std::int64_t>{2, 3}));
  const auto read = array->ToVector<double>();
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, values);
}

TEST(Array, ANumberOfValuesThatDoesNotFitTheShapeIsRefused) {
  EXPECT_THAT(Array::From(std::vector<float>{1, 2, 3}, {2, 2}),
              StatusIs(StatusCode::kInvalidArgument, "3 values do not fit a shape of 4"));
  EXPECT_THAT(Array::Build("float12", {1}, [](auto) {}),
              StatusIs(StatusCode::kInvalidArgument, "float12"));
  EXPECT_THAT(Array::Build("float32", {-1}, [](auto) {}), StatusIs(StatusCode::kInvalidArgument));
}

TEST(Array, FortranOrderIsReadInCOrder) {
  const auto c_order = FromVector("float32_[2,3]_C");
  const auto fortran = FromVector("float32_[2,3]_F");
  ASSERT_THAT(c_order, IsOk());
  ASSERT_THAT(fortran, IsOk());
  ASSERT_TRUE(fortran->Header()->fortran_order);

  EXPECT_EQ(*fortran->ToVector<float>(), *c_order->ToVector<float>());
}

TEST(Array, BigEndianIsReadInNativeOrder) {
  const auto array = FromVector("float32_bigendian_[2]");
  ASSERT_THAT(array, IsOk());
  const Bytes npy = array->Contiguous();
  const std::string first(npy.view().substr(128, 4));
  float expected = 0;
  const std::string reversed(first.rbegin(), first.rend());
  std::memcpy(&expected, reversed.data(), 4);

  const auto values = array->ToVector<float>();

  ASSERT_THAT(values, IsOk());
  EXPECT_EQ(values->front(), expected);
}

TEST(Array, AnotherElementTypeIsRefusedByName) {
  const auto array = Array::From(std::vector<float>{1}, {1});
  EXPECT_THAT(array->ToVector<double>(),
              StatusIs(StatusCode::kInvalidArgument, "dtype float32, expected float64"));
}

TEST(Array, SegmentsOfAnySizeAreOneArray) {
  const auto whole = Array::From(std::vector<std::int32_t>{1, -2, 3, 4, 5}, {5});
  const Bytes npy = whole->Contiguous();
  for (std::size_t piece = 1; piece < npy.size(); piece += 7) {
    SCOPED_TRACE(piece);
    std::vector<Bytes> segments;
    for (std::size_t at = 0; at < npy.size(); at += piece) segments.push_back(npy.Slice(at, piece));
    const Array cut("int32", {5}, std::string(Array::kNumpyStype), segments);

    EXPECT_EQ(cut, *whole);
    EXPECT_EQ(*cut.ToVector<std::int32_t>(), *whole->ToVector<std::int32_t>());
  }
}

TEST(Array, EveryTruncationIsRefused) {
  const std::string npy = FromHex(Vectors()["arrays"]["float32_[3]"]["data_hex"]);
  for (std::size_t size = 0; size < npy.size(); ++size) {
    SCOPED_TRACE(size);
    EXPECT_THAT(Array::FromNpy(Bytes(npy.substr(0, size))), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(Array, HeadersOfVersions1To3InAnySpacingAreRead) {
  const std::string text = "{ \"shape\":(2,) ,'fortran_order':False, 'descr' : '|u1' }\n";
  for (const char version : {1, 2, 3}) {
    SCOPED_TRACE(static_cast<int>(version));
    const auto array = Array::FromNpy(Bytes(Npy(text, "ab", version)));

    ASSERT_THAT(array, IsOk());
    EXPECT_EQ(*array->ToVector<std::uint8_t>(), (std::vector<std::uint8_t>{'a', 'b'}));
  }
  EXPECT_THAT(Array::FromNpy(Bytes(Npy(text, "ab", 4))),
              StatusIs(StatusCode::kInvalidArgument, "version 4"));
}

TEST(Array, DamagedHeadersAreRefused) {
  const std::vector<std::string> texts = {
      "",
      "{",
      "{}",
      "[1]",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
      "{'descr': '|O', 'fortran_order': False, 'shape': ()}",
      "{'descr': '|O8', 'fortran_order': False, 'shape': ()}",
      "{'descr': '<f3', 'fortran_order': False, 'shape': ()}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
      "{'descr': '<f4', 'evil': False, 'shape': ()}",
  };
  for (const std::string& text : texts) {
    SCOPED_TRACE(text);
    EXPECT_THAT(Array::FromNpy(Bytes(Npy(text, "abcd"))), StatusIs(StatusCode::kInvalidArgument));
  }
}

TEST(Array, DataThatDoesNotFitTheHeaderIsRefused) {
  const std::string prefix = internal::MakeNpyPrefix("<f4", false, {2});
  EXPECT_THAT(Array::FromNpy(Bytes(prefix + std::string(8, 'x'))), IsOk());
  EXPECT_THAT(Array::FromNpy(Bytes(prefix + std::string(9, 'x'))),
              StatusIs(StatusCode::kInvalidArgument, "137 bytes, but its header asks for 136"));
}

TEST(Array, AnotherStypeIsKeptButNotRead) {
  const Array array("", {}, "my.type", {Bytes("hello")});

  EXPECT_EQ(array.Contiguous().view(), "hello");
  EXPECT_THAT(array.Header(), StatusIs(StatusCode::kInvalidArgument, "my.type"));
}

TEST(Array, ScalarsAndEmptyShapesAreRead) {
  EXPECT_EQ(*FromVector("int64_scalar")->ToVector<std::int64_t>(), (std::vector<std::int64_t>{7}));
  EXPECT_TRUE(FromVector("float32_[0]")->ToVector<float>()->empty());
  EXPECT_TRUE(FromVector("float32_[2,0,3]")->ToVector<float>()->empty());
}

}  // namespace
}  // namespace flwrcpp
