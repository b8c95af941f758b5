// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "strategy/weighted_mean.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "arrays/float16.h"
#include "records/npy.h"
#include "records/object.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::internal {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::IsOk;
using testing::StatusIs;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
Array MakeArray(const std::vector<T>& values, std::vector<std::int64_t> shape) {
  return Array::From(values, std::move(shape)).value();
}

template <typename T>
ArrayRecord Record(const std::vector<T>& values) {
  ArrayRecord record;
  record.Set("w", MakeArray(values, {static_cast<std::int64_t>(values.size())}));
  return record;
}

/// A `.npy` with a header of choice.
Array FromRaw(std::string_view descr, bool fortran_order, const std::vector<std::int64_t>& shape,
              std::string_view data) {
  std::string npy = MakeNpyPrefix(descr, fortran_order, shape);
  return Array::FromNpy(Bytes(npy += data)).value();
}

/// The same array, its data cut every `size` bytes.
Array InPieces(const Array& array, std::size_t size) {
  const Bytes data = array.Contiguous();
  std::vector<Bytes> pieces;
  for (std::size_t begin = 0; begin < data.size(); begin += size) {
    pieces.emplace_back(std::string(data.view().substr(begin, size)));
  }
  return {array.dtype(), array.shape(), array.stype(), std::move(pieces)};
}

std::vector<float> Finish(WeightedArrayMean& mean) {
  const StatusOr<ArrayRecord> result = mean.Finish();
  EXPECT_THAT(result, IsOk());
  return result->Find("w")->ToVector<float>().value();
}

TEST(WeightedArrayMeanTest, WeighsByExamples) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({1, 2}), 100), IsOk());
  ASSERT_THAT(mean.Add(2, Record<float>({5, 6}), 300), IsOk());

  EXPECT_THAT(Finish(mean), ElementsAre(4, 5));
}

TEST(WeightedArrayMeanTest, ARecordOfItsOwnIsTheMean) {
  const ArrayRecord record = Record<float>({0.1F, -3e38F, 1e-45F});
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, record, 7), IsOk());

  EXPECT_EQ(mean.Finish().value(), record);
}

TEST(WeightedArrayMeanTest, EqualValuesStayEqualToTheLastBit) {
  const ArrayRecord record = Record<double>({0.1, 1e300, 10, -7.3e-12});
  WeightedArrayMean mean;

  for (std::uint64_t node = 1; node <= 50; ++node) {
    ASSERT_THAT(mean.Add(node, record, 0.37 * static_cast<double>(node)), IsOk());
  }

  EXPECT_EQ(mean.Finish().value(), record);
}

TEST(WeightedArrayMeanTest, InfinitiesOfAMaskStay) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({-kInfinity, -kInfinity, 1}), 2), IsOk());
  ASSERT_THAT(mean.Add(2, Record<float>({-kInfinity, 1, -kInfinity}), 3), IsOk());

  EXPECT_THAT(Finish(mean), Each(-kInfinity));
}

TEST(WeightedArrayMeanTest, LargeValuesDoNotOverflow) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({3e38F, -3e38F}), 1e6), IsOk());
  ASSERT_THAT(mean.Add(2, Record<float>({3e38F, 3e38F}), 1e6), IsOk());

  EXPECT_THAT(Finish(mean), ElementsAre(3e38F, 0));
}

TEST(WeightedArrayMeanTest, WeightZeroHasNoPart) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({kInfinity}), 0), IsOk());
  ASSERT_THAT(mean.Add(2, Record<float>({3}), 5), IsOk());
  ASSERT_THAT(mean.Add(3, Record<float>({std::numeric_limits<float>::quiet_NaN()}), 0), IsOk());

  EXPECT_THAT(Finish(mean), ElementsAre(3));
}

TEST(WeightedArrayMeanTest, OnlyWeightsOfZeroHaveNoMean) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({1}), 0), IsOk());

  EXPECT_THAT(mean.Finish(), StatusIs(StatusCode::kFailedPrecondition, "sum up to 0"));
}

TEST(WeightedArrayMeanTest, RefusesWeightsThatAreNone) {
  WeightedArrayMean mean;
  ASSERT_THAT(mean.Add(1, Record<float>({1}), 1e308), IsOk());

  for (const double weight : {-1.0, double{kInfinity}, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(mean.Add(2, Record<float>({1}), weight),
                StatusIs(StatusCode::kInvalidArgument, "finite weight"));
  }
  EXPECT_THAT(mean.Add(2, Record<float>({1}), 1e308),
              StatusIs(StatusCode::kInvalidArgument, "overflows"));
}

TEST(WeightedArrayMeanTest, DataMayBeCutAnywhere) {
  std::vector<float> values(20000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const Array array = MakeArray(values, {20000});

  for (const std::size_t size : {7, 129, 16384, 40001}) {
    SCOPED_TRACE(size);
    ArrayRecord record;
    record.Set("w", InPieces(array, size));
    WeightedArrayMean mean;
    ASSERT_THAT(mean.Add(1, record, 1), IsOk());
    ASSERT_THAT(mean.Add(2, Record(std::vector<float>(20000, 0)), 1), IsOk());
    const std::vector<float> result = Finish(mean);
    for (std::size_t i = 0; i < result.size(); ++i) ASSERT_EQ(result[i], values[i] / 2);
  }
}

TEST(WeightedArrayMeanTest, IntegersAndBoolBecomeFloat64) {
  ArrayRecord first;
  first.Set("int64", MakeArray<std::int64_t>({std::int64_t{1} << 40, 3}, {2}));
  first.Set("uint8", MakeArray<std::uint8_t>({255, 0}, {2}));
  first.Set("bool", FromRaw("|b1", false, {2}, std::string("\1\0", 2)));
  ArrayRecord second;
  second.Set("bool", FromRaw("|b1", false, {2}, "\1\1"));
  second.Set("uint8", MakeArray<std::uint8_t>({0, 1}, {2}));
  second.Set("int64", MakeArray<std::int64_t>({0, -5}, {2}));
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, first, 1), IsOk());
  ASSERT_THAT(mean.Add(2, second, 1), IsOk());
  const ArrayRecord result = mean.Finish().value();

  EXPECT_THAT(result.Find("int64")->ToVector<double>().value(), ElementsAre(0x1p39, -1));
  EXPECT_THAT(result.Find("uint8")->ToVector<double>().value(), ElementsAre(127.5, 0.5));
  EXPECT_THAT(result.Find("bool")->ToVector<double>().value(), ElementsAre(1, 0.5));
  EXPECT_EQ(result.Find("bool")->dtype(), "float64");
}

TEST(WeightedArrayMeanTest, Int64FitsTheFloat64ThatAnEarlierMeanMadeOfIt) {
  ArrayRecord counted;
  counted.Set("n", MakeArray<std::int64_t>({4}, {}));
  ArrayRecord averaged;
  averaged.Set("n", MakeArray<double>({5}, {}));
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, counted, 1), IsOk());
  ASSERT_THAT(mean.Add(2, averaged, 1), IsOk());

  EXPECT_THAT(mean.Finish()->Find("n")->ToVector<double>().value(), ElementsAre(4.5));
}

TEST(WeightedArrayMeanTest, Float16IsRoundedOnce) {
  // 2048 + 1 is no float16: an accumulator of that type would lose each of the small ones.
  const Array large = FromRaw("<f2", false, {1}, std::string("\x00\x68", 2));  // 2048
  const Array small = FromRaw("<f2", false, {1}, std::string("\x00\x00", 2));  // 0
  WeightedArrayMean mean;
  ArrayRecord record;

  record.Set("w", large);
  ASSERT_THAT(mean.Add(1, record, 1), IsOk());
  record.Set("w", small);
  for (std::uint64_t node = 2; node <= 2048; ++node) {
    ASSERT_THAT(mean.Add(node, record, 1), IsOk());
  }
  const ArrayRecord result = mean.Finish().value();

  EXPECT_EQ(*result.Find("w"), FromRaw("<f2", false, {1}, std::string("\x00\x3c", 2)));  // 1
}

TEST(WeightedArrayMeanTest, BigEndianIsReadAndLittleEndianWritten) {
  ArrayRecord big;
  big.Set("w", FromRaw(">f4", false, {2}, std::string("\x3f\x80\x00\x00\x40\x00\x00\x00", 8)));
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, big, 1), IsOk());
  ASSERT_THAT(mean.Add(2, Record<float>({3, 4}), 1), IsOk());
  const ArrayRecord result = mean.Finish().value();

  EXPECT_EQ(result.Find("w")->Header()->descr, "<f4");
  EXPECT_THAT(result.Find("w")->ToVector<float>().value(), ElementsAre(2, 3));
}

/// The matrix ((1 2 3) (4 5 6)) times `factor` in either order.
ArrayRecord Matrix(bool fortran_order, float factor) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  if (fortran_order) values = {1, 4, 2, 5, 3, 6};
  for (float& value : values) value *= factor;
  ArrayRecord record;
  record.Set("w", FromRaw("<f4", fortran_order, {2, 3},
                          {reinterpret_cast<const char*>(values.data()), 6 * sizeof(float)}));
  return record;
}

TEST(WeightedArrayMeanTest, FortranOrderSurvivesIfAllAgree) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Matrix(true, 1), 1), IsOk());
  ASSERT_THAT(mean.Add(2, Matrix(true, 3), 1), IsOk());

  EXPECT_EQ(mean.Finish().value(), Matrix(true, 2));
}

TEST(WeightedArrayMeanTest, MixedOrdersGiveCOrderWhoeverComesFirst) {
  for (const bool first_is_fortran : {false, true}) {
    SCOPED_TRACE(first_is_fortran);
    WeightedArrayMean mean;

    ASSERT_THAT(mean.Add(1, Matrix(first_is_fortran, 1), 1), IsOk());
    ASSERT_THAT(mean.Add(2, Matrix(!first_is_fortran, 3), 1), IsOk());
    ASSERT_THAT(mean.Add(3, Matrix(first_is_fortran, 5), 1), IsOk());

    EXPECT_EQ(mean.Finish().value(), Matrix(false, 3));
  }
}

TEST(WeightedArrayMeanTest, ScalarsAndEmptyArraysKeepTheirShape) {
  ArrayRecord first;
  first.Set("scalar", MakeArray<float>({1}, {}));
  first.Set("empty", MakeArray<float>({}, {0, 3}));
  ArrayRecord second;
  second.Set("scalar", MakeArray<float>({2}, {}));
  second.Set("empty", MakeArray<float>({}, {0, 3}));
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, first, 1), IsOk());
  ASSERT_THAT(mean.Add(2, second, 1), IsOk());
  const ArrayRecord result = mean.Finish().value();

  EXPECT_EQ(*result.Find("scalar"), MakeArray<float>({1.5}, {}));
  EXPECT_EQ(*result.Find("empty"), MakeArray<float>({}, {0, 3}));
}

TEST(WeightedArrayMeanTest, ArraysOfTheClassicLayerGetTypeAndShape) {
  ArrayRecord record;
  record.Set("0", Array("", {}, std::string(Array::kNumpyStype),
                        {MakeArray<float>({1, 2}, {2}).Contiguous()}));
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, record, 1), IsOk());

  EXPECT_EQ(*mean.Finish()->Find("0"), MakeArray<float>({1, 2}, {2}));
}

/// Two records, the second one with a fault in its last array; the first array must stay as it is.
void ExpectRefused(const ArrayRecord& faulty, const std::string& text) {
  ArrayRecord good;
  good.Set("a", MakeArray<float>({1, 1}, {2}));
  good.Set("b", MakeArray<float>({1, 1}, {2}));
  WeightedArrayMean mean;
  ASSERT_THAT(mean.Add(99, good, 1), IsOk());

  EXPECT_THAT(mean.Add(123, faulty, 1), StatusIs(StatusCode::kInvalidArgument, text));
  EXPECT_EQ(mean.total_weight(), 1);
  EXPECT_EQ(mean.Finish().value(), good);
}

TEST(WeightedArrayMeanTest, AFaultyRecordLeavesNoTrace) {
  const Array array = MakeArray<float>({5, 5}, {2});
  const Array cut("float32", {2}, std::string(Array::kNumpyStype),
                  {array.Contiguous().Slice(0, array.data_size() - 1)});
  ArrayRecord faulty;
  faulty.Set("a", array);

  ExpectRefused(faulty, "misses key 'b' that node 99 sent");
  faulty.Set("b", MakeArray<float>({5, 5}, {2, 1}));
  ExpectRefused(faulty, "array 'b' has shape (2, 1), node 99 sent (2,)");
  faulty.Set("b", MakeArray<double>({5, 5}, {2}));
  ExpectRefused(faulty, "array 'b' has dtype float64, which does not fit the float32 of node 99");
  faulty.Set("b", cut);
  ExpectRefused(faulty, "array 'b'");
  faulty.Set("b", Array("float32", {2}, "torch.tensor", {Bytes("x")}));
  ExpectRefused(faulty, "torch.tensor");
  faulty.Set("b", array);
  faulty.Set("c", array);
  ExpectRefused(faulty, "has key 'c' that node 99 did not send");
}

TEST(WeightedArrayMeanTest, AFaultyFirstRecordIsNoReference) {
  ArrayRecord text;
  text.Set("w", FromRaw("<U1", false, {1}, std::string("a\0\0\0", 4)));
  WeightedArrayMean mean;

  EXPECT_THAT(mean.Add(1, text, 1),
              StatusIs(StatusCode::kInvalidArgument, "dtype <U1, which cannot be averaged"));
  ASSERT_THAT(mean.Add(2, Record<float>({2}), 1), IsOk());

  EXPECT_THAT(Finish(mean), ElementsAre(2));
}

/// Arrays of several chunks, together enough to be added by several threads.
template <typename T>
ArrayRecord LargeRecord(int node, bool fortran_order = false) {
  ArrayRecord record;
  for (int key = 0; key < 3; ++key) {
    const std::int64_t rows = 3 * kArrayChunkSize / sizeof(double) / 4 + static_cast<unsigned>(key);
    std::string data(static_cast<std::size_t>(4 * rows) * sizeof(T), '\0');
    for (std::int64_t i = 0; i < 4 * rows; ++i) {
      // The same value at the same place in both orders.
      const std::int64_t place = fortran_order ? i % rows * 4 + i / rows : i;
      const T value(static_cast<float>(place % 1000 + 2 * key) * static_cast<float>(node));
      std::memcpy(&data[static_cast<std::size_t>(i) * sizeof(T)], &value, sizeof(T));
    }
    const Array array = FromRaw(fmt::format("<f{}", sizeof(T)), fortran_order, {rows, 4}, data);
    record.Set(std::to_string(key), InPieces(array, 1234567));
  }
  return record;
}

template <typename T>
void ExpectLargeMean(const std::array<bool, 3>& fortran_orders, bool fortran_order) {
  WeightedArrayMean mean;
  ASSERT_THAT(mean.Add(1, LargeRecord<T>(1, fortran_orders[0]), 1), IsOk());
  ASSERT_THAT(mean.Add(2, LargeRecord<T>(3, fortran_orders[1]), 1), IsOk());
  ASSERT_THAT(mean.Add(3, LargeRecord<T>(6, fortran_orders[2]), 2), IsOk());
  EXPECT_TRUE(mean.Finish().value() == LargeRecord<T>(4, fortran_order));
}

TEST(WeightedArrayMeanTest, LargeArraysOfAllSizesOfElements) {
  ExpectLargeMean<float>({false, false, false}, false);
  ExpectLargeMean<double>({false, false, false}, false);
}

TEST(WeightedArrayMeanTest, LargeArraysInMixedOrders) {
  ExpectLargeMean<float>({true, true, true}, true);
  ExpectLargeMean<float>({true, false, true}, false);
  ExpectLargeMean<float>({false, true, false}, false);
}

TEST(WeightedArrayMeanTest, LargeArraysOfFloat16) {
  const std::int64_t count = 3 * kArrayChunkSize / 4;  // the accumulator has twice the bytes
  const auto record = [&](float factor) {
    std::string data;
    for (std::int64_t i = 0; i < count; ++i) {
      const Float16 value = ToFloat16(static_cast<float>(i % 500) * factor);
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    ArrayRecord result;
    result.Set("w", InPieces(FromRaw("<f2", false, {count}, data), 1234567));
    return result;
  };
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, record(1), 1), IsOk());
  ASSERT_THAT(mean.Add(2, record(3), 1), IsOk());

  EXPECT_TRUE(mean.Finish().value() == record(2));
}

TEST(WeightedArrayMeanTest, TheResultLiesInAlignedChunks) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, LargeRecord<float>(1), 1), IsOk());
  const ArrayRecord result = mean.Finish().value();

  for (const auto& [key, array] : result) {
    ASSERT_EQ(array.segments().size(), 2) << key;
    EXPECT_EQ(array.segments()[0].size(), kArrayChunkSize) << key;
    for (const Bytes& segment : array.segments()) {
      EXPECT_EQ(std::bit_cast<std::uintptr_t>(segment.data()) % 64, 0) << key;
    }
  }
}

TEST(WeightedArrayMeanTest, TheResultIsOneAlignedPiece) {
  WeightedArrayMean mean;

  ASSERT_THAT(mean.Add(1, Record<float>({1, 2}), 1), IsOk());
  const ArrayRecord result = mean.Finish().value();

  const Array& array = *result.Find("w");
  ASSERT_EQ(array.segments().size(), 1);
  const auto address = std::bit_cast<std::uintptr_t>(array.segments()[0].data());
  EXPECT_EQ((address + array.Header()->data_offset) % 64, 0);
}

}  // namespace
}  // namespace flwrcpp::internal
