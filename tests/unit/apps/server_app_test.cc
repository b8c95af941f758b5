// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "program/files.h"
#include "server_app/checkpoint.h"
#include "server_app/history.h"
#include "server_app/report.h"
#include "server_app/weighted_average.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace flwrcpp::server_app {
namespace {

namespace fs = std::filesystem;
using testing::IsOk;
using testing::StatusIs;

class Folder : public ::testing::Test {
 protected:
  const testing::TempDir directory_;
  const fs::path& path_ = directory_.path();
};

using CheckpointTest = Folder;
using HistoryTest = Folder;

ArrayRecord SomeArrays(float value) {
  ArrayRecord arrays;
  arrays.Set("fc.weight", *Array::From(std::vector<float>{value, 2, 3, 4}, {2, 2}));
  arrays.Set("fc.bias", *Array::From(std::vector<double>{-value}, {1}));
  return arrays;
}

WeightedMetrics Reply(std::uint64_t node, double examples, MetricRecord metrics) {
  metrics.Set("num-examples", examples);
  return {node, examples, std::move(metrics)};
}

TEST(WeightedAverage, CountsEachExampleOnce) {
  const auto average = WeightedAverage({Reply(2, 100, {{"eval_acc", 0.5}, {"eval_loss", 2.0}}),
                                        Reply(3, 300, {{"eval_acc", 0.9}, {"eval_loss", 1.0}})});

  ASSERT_THAT(average, IsOk());
  EXPECT_DOUBLE_EQ(*average->GetDouble("eval_acc"), 0.8);
  EXPECT_DOUBLE_EQ(*average->GetDouble("eval_loss"), 1.25);
  EXPECT_DOUBLE_EQ(*average->GetDouble("num-examples"), 400);
}

TEST(WeightedAverage, NamesTheNodeWithoutAccuracy) {
  EXPECT_THAT(WeightedAverage({Reply(77, 1, {{"eval_loss", 2.0}})}),
              StatusIs(StatusCode::kInvalidArgument, "node 77"));
  EXPECT_THAT(WeightedAverage({Reply(77, 0, {{"eval_acc", 0.5}, {"eval_loss", 2.0}})}),
              StatusIs(StatusCode::kInvalidArgument, "any example"));
}

TEST_F(CheckpointTest, TheLatestRoundIsLoaded) {
  for (const int round : {1, 12, 3}) {
    ASSERT_THAT(SaveCheckpoint(path_, {round, SomeArrays(static_cast<float>(round))}), IsOk());
  }
  std::ofstream(path_ / "checkpoint-x.npz") << "not a round";

  const auto checkpoint = LoadLatestCheckpoint(path_);

  ASSERT_THAT(checkpoint, IsOk());
  EXPECT_EQ(checkpoint->server_round, 12);
  EXPECT_EQ(checkpoint->arrays, SomeArrays(12));
}

TEST_F(CheckpointTest, ADamagedFileIsNamed) {
  ASSERT_THAT(SaveCheckpoint(path_, {1, SomeArrays(1)}), IsOk());
  const fs::path file = path_ / "checkpoint-001.npz";
  for (std::uintmax_t size = fs::file_size(file); size-- > 0;) {
    fs::resize_file(file, size);
    ASSERT_THAT(LoadLatestCheckpoint(path_), StatusIs(StatusCode::kDataLoss, file.string()));
  }
}

TEST_F(CheckpointTest, AFolderWithoutOneIsRefused) {
  EXPECT_THAT(LoadLatestCheckpoint(path_), StatusIs(StatusCode::kNotFound, path_.string()));
  EXPECT_THAT(LoadLatestCheckpoint(path_ / "none"), StatusIs(StatusCode::kNotFound));
}

TEST_F(CheckpointTest, AFolderThatCannotBeWrittenIsNamed) {
  EXPECT_THAT(SaveNpz(path_ / "none" / "model.npz", SomeArrays(1)),
              StatusIs(StatusCode::kUnavailable, "model.npz"));
}

RoundReport AReport() {
  RoundReport report;
  report.server_round = 2;
  report.sampled_train = 3;
  report.train.emplace();
  report.train->num_results = 2;
  report.train->metrics = MetricRecord{{"train_loss", 0.5}};
  report.train->failures = {{9, "out of <memory>"}};
  report.server_metrics = MetricRecord{{"loss", 0.25}, {"accuracy", 0.875}};
  report.seconds = 1.5;
  return report;
}

TEST_F(HistoryTest, MetricsJsonIsReadBackForAResume) {
  const History history = {{{"lr", "0.01"}}, {FiguresOf(AReport())}};
  ASSERT_THAT(program::SaveText(path_ / "metrics.json", ToJson(history)), IsOk());

  const auto read = LoadHistory(path_ / "metrics.json");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(ToJson(*read), ToJson(history));
  ASSERT_EQ(read->rounds.size(), 1U);
  EXPECT_EQ(read->rounds[0].train_failures, 1);
  EXPECT_EQ(read->rounds[0].test_accuracy, 0.875);
  EXPECT_EQ(read->rounds[0].eval_loss, std::nullopt);
  EXPECT_EQ(read->rounds[0].failures, (std::vector<std::string>{"node 9: out of <memory>"}));
}

TEST_F(HistoryTest, DamagedMetricsAreRefused) {
  ASSERT_THAT(program::SaveText(path_ / "metrics.json", "{\"settings\": {}, \"rounds\": [{}]}"),
              IsOk());
  EXPECT_THAT(LoadHistory(path_ / "metrics.json"), StatusIs(StatusCode::kDataLoss, "metrics.json"));
  EXPECT_THAT(LoadHistory(path_ / "none.json"), StatusIs(StatusCode::kNotFound));
}

TEST(History, CsvHasOneLineARound) {
  EXPECT_EQ(ToCsv({{}, {FiguresOf(AReport())}}),
            "round,train_loss,eval_loss,eval_accuracy,test_loss,test_accuracy,train_results,"
            "train_failures,evaluate_results,evaluate_failures,seconds\n"
            "2,0.5,,,0.25,0.875,2,1,0,0,1.500\n");
}

TEST(Report, ShowsFiguresAndEscapesWhatNodesSent) {
  const std::string html = ToHtml({{{"lr", "0.01"}}, {FiguresOf(AReport())}});

  EXPECT_NE(html.find("0.8750"), std::string::npos);
  EXPECT_NE(html.find("out of &lt;memory&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<memory>"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos) << "the page must need no network";
}

}  // namespace
}  // namespace flwrcpp::server_app
