// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "program/files.h"
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

class HistoryTest : public ::testing::Test {
 protected:
  const testing::TempDir directory_;
  const fs::path& path_ = directory_.path();
};

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

RoundReport AReport() {
  RoundReport report;
  report.server_round = 2;
  report.sampled_train = 3;
  report.train.emplace();
  report.train->num_results = 2;
  report.train->num_late = 4;
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

TEST_F(HistoryTest, CountsThatAnEarlierFileDoesNotHaveAreZero) {
  std::string json = ToJson({{}, {FiguresOf(AReport())}});
  const std::string late = "      \"train_late\": 4,\n";
  ASSERT_NE(json.find(late), std::string::npos) << json;
  json.erase(json.find(late), late.size());
  ASSERT_THAT(program::SaveText(path_ / "metrics.json", json), IsOk());

  const auto read = LoadHistory(path_ / "metrics.json");

  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->rounds.at(0).train_late, 0);
  EXPECT_EQ(read->rounds.at(0).train_results, 2);
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
            "train_failures,train_late,evaluate_results,evaluate_failures,evaluate_late,seconds\n"
            "2,0.5,,,0.25,0.875,2,1,4,0,0,0,1.500\n");
}

TEST(Report, ShowsFiguresAndEscapesWhatNodesSent) {
  const std::string html = ToHtml({{{"lr", "0.01"}}, {FiguresOf(AReport())}});

  EXPECT_NE(html.find("0.8750"), std::string::npos);
  EXPECT_NE(html.find("out of &lt;memory&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<memory>"), std::string::npos);
  EXPECT_NE(html.find("<td>2 / 0</td><td>1</td><td>4</td><td>1.50</td>"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos) << "the page must need no network";
}

}  // namespace
}  // namespace flwrcpp::server_app
