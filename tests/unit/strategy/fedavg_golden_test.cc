// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
//
// tests/golden/fedavg.json holds what stock Flower 1.42.0 with NumPy 2.4.6 makes of the same
// replies; make_fedavg.py beside it writes the file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "flwrcpp/strategy/fedavg.h"
#include "strategy/float16.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp {
namespace {

using testing::FromHex;
using testing::IsOk;
using testing::Json;

ArrayRecord ReadArrays(const Json& json) {
  ArrayRecord arrays;
  for (const auto& [key, npy] : json.items()) {
    arrays.Set(key, Array::FromNpy(Bytes(FromHex(npy))).value());
  }
  return arrays;
}

MetricRecord ReadMetrics(const Json& json) {
  MetricRecord metrics;
  for (const auto& [key, value] : json.items()) {
    if (value.is_array()) {
      metrics.Set(key, value.get<std::vector<double>>());
    } else if (value.is_number_integer()) {
      metrics.Set(key, value.get<std::int64_t>());
    } else {
      metrics.Set(key, value.get<double>());
    }
  }
  return metrics;
}

Message ReadReply(const Json& json, std::uint64_t node_id) {
  MetricRecord metrics = ReadMetrics(json["metrics"]);
  metrics.Set("num-examples", json["weight"].get<double>());
  RecordDict content;
  content.Set("arrays", ReadArrays(json["arrays"]));
  content.Set("metrics", std::move(metrics));
  Metadata metadata;
  metadata.src_node_id = node_id;
  return {metadata, std::move(content)};
}

/// All components in C order as double.
std::vector<double> Values(const Array& array) {
  const NpyHeader header = array.Header().value();
  std::vector<std::byte> bytes(static_cast<std::size_t>(header.element_count()) * header.item_size);
  EXPECT_THAT(array.CopyElements(bytes), IsOk());
  std::vector<double> values;
  const auto read = [&]<typename T>(T) {
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, &bytes[i], sizeof(T));
      if constexpr (std::is_same_v<T, internal::Float16>) {
        values.push_back(internal::ToFloat(value));
      } else {
        values.push_back(static_cast<double>(value));
      }
    }
  };
  const std::string type = header.descr.substr(1);
  if (type == "f2") read(internal::Float16());
  if (type == "f4" || type == "c8") read(float());
  if (type == "f8" || type == "c16") read(double());
  return values;
}

/// What two roundings in another order may make, relative to the largest value: NumPy rounds each
/// product and each sum to the array's own type, we round once a reply.
double Tolerance(const std::string& type) {
  if (type == "f2") return 3e-3;
  if (type == "f4" || type == "c8") return 1e-6;
  return 1e-14;
}

void ExpectSameArray(const Array& actual, const Array& expected) {
  const NpyHeader actual_header = actual.Header().value();
  const NpyHeader expected_header = expected.Header().value();
  EXPECT_EQ(actual_header.descr, expected_header.descr);
  EXPECT_EQ(actual_header.shape, expected_header.shape);
  EXPECT_EQ(actual.dtype(), expected.dtype());
  const std::vector<double> actual_values = Values(actual);
  const std::vector<double> expected_values = Values(expected);
  ASSERT_EQ(actual_values.size(), expected_values.size());
  double largest = 0;
  for (const double value : expected_values) largest = std::max(largest, std::abs(value));
  const double tolerance = largest * Tolerance(expected_header.descr.substr(1));
  for (std::size_t i = 0; i < actual_values.size(); ++i) {
    EXPECT_NEAR(actual_values[i], expected_values[i], tolerance) << i;
  }
}

void ExpectSameMetrics(const MetricRecord& actual, const MetricRecord& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [key, value] = expected.item(i);
    EXPECT_EQ(actual.item(i).first, key);
    if (const auto* const list = std::get_if<std::vector<double>>(&value)) {
      EXPECT_THAT(std::get<std::vector<double>>(actual.item(i).second),
                  ::testing::Pointwise(::testing::DoubleNear(1e-12), *list));
    } else {
      EXPECT_NEAR(actual.GetDouble(key).value(), expected.GetDouble(key).value(), 1e-9);
    }
  }
}

void ExpectAggregate(const Json& golden, bool reversed) {
  const auto strategy = FedAvg::Create({}).value();
  const auto aggregator = strategy->AggregateTrain(1);
  std::vector<Message> replies;
  std::uint64_t node_id = 100;
  for (const Json& reply : golden["replies"]) replies.push_back(ReadReply(reply, node_id++));
  if (reversed) std::reverse(replies.begin(), replies.end());

  for (const Message& reply : replies) aggregator->Add(reply);
  const StatusOr<AggregateResult> result = aggregator->Finish();

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->failures, ::testing::IsEmpty());
  const ArrayRecord expected = ReadArrays(golden["arrays"]);
  ASSERT_EQ(result->arrays->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(expected.item(i).first);
    EXPECT_EQ(result->arrays->item(i).first, expected.item(i).first);
    ExpectSameArray(result->arrays->item(i).second, expected.item(i).second);
  }
  ExpectSameMetrics(*result->metrics, ReadMetrics(golden["metrics"]));
}

TEST(FedAvgGoldenTest, AggregatesAsStockFlowerDoes) {
  const Json golden = testing::ReadGoldenJson("fedavg.json");
  ASSERT_GE(golden["cases"].size(), 20);
  for (const Json& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    ExpectAggregate(entry, false);
  }
}

TEST(FedAvgGoldenTest, TheOrderOfArrivalMakesNoDifferenceBeyondRounding) {
  const Json golden = testing::ReadGoldenJson("fedavg.json");
  for (const Json& entry : golden["cases"]) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    ExpectAggregate(entry, true);
  }
}

}  // namespace
}  // namespace flwrcpp
