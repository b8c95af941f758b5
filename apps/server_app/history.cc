// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "server_app/history.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace flwrcpp::server_app {
namespace {

using Json = nlohmann::ordered_json;

std::optional<double> Metric(const std::optional<MetricRecord>& metrics, std::string_view name) {
  if (!metrics) return std::nullopt;
  const StatusOr<double> value = metrics->GetDouble(name);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

/// The optional figures by name, in the order of every output.
template <typename Figures, typename Visit>
void ForEachFigure(Figures& figures, const Visit& visit) {
  visit("train_loss", figures.train_loss);
  visit("eval_loss", figures.eval_loss);
  visit("eval_accuracy", figures.eval_accuracy);
  visit("test_loss", figures.test_loss);
  visit("test_accuracy", figures.test_accuracy);
}

template <typename Figures, typename Visit>
void ForEachCount(Figures& figures, const Visit& visit) {
  visit("train_results", figures.train_results);
  visit("train_failures", figures.train_failures);
  visit("train_late", figures.train_late);
  visit("evaluate_results", figures.evaluate_results);
  visit("evaluate_failures", figures.evaluate_failures);
  visit("evaluate_late", figures.evaluate_late);
}

std::string Cell(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : std::string("-");
}

}  // namespace

RoundFigures FiguresOf(const RoundReport& report) {
  RoundFigures figures;
  figures.server_round = report.server_round;
  figures.seconds = report.seconds;
  const auto add = [&](const std::optional<AggregateResult>& phase, int sampled, int& results,
                       int& failures, int& late) {
    if (!phase) return;
    late = phase->num_late;
    results = phase->num_results;
    failures = sampled - phase->num_results;
    for (const auto& [node_id, why] : phase->failures) {
      figures.failures.push_back(fmt::format("node {}: {}", node_id, why));
    }
  };
  add(report.train, report.sampled_train, figures.train_results, figures.train_failures,
      figures.train_late);
  add(report.evaluate, report.sampled_evaluate, figures.evaluate_results, figures.evaluate_failures,
      figures.evaluate_late);
  if (report.train) figures.train_loss = Metric(report.train->metrics, "train_loss");
  if (report.evaluate) {
    figures.eval_loss = Metric(report.evaluate->metrics, "eval_loss");
    figures.eval_accuracy = Metric(report.evaluate->metrics, "eval_acc");
  }
  figures.test_loss = Metric(report.server_metrics, "loss");
  figures.test_accuracy = Metric(report.server_metrics, "accuracy");
  return figures;
}

std::string ToJson(const History& history) {
  Json json;
  json["settings"] = Json::object();
  for (const auto& [name, value] : history.settings) json["settings"][name] = value;
  json["rounds"] = Json::array();
  for (const RoundFigures& figures : history.rounds) {
    Json row;
    row["round"] = figures.server_round;
    ForEachFigure(figures, [&](const char* name, const std::optional<double>& value) {
      if (value) row[name] = *value;
    });
    ForEachCount(figures, [&](const char* name, int value) { row[name] = value; });
    row["seconds"] = figures.seconds;
    row["failures"] = figures.failures;
    json["rounds"].push_back(std::move(row));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<History> LoadHistory(const std::filesystem::path& metrics_json) {
  std::ifstream file(metrics_json);
  if (!file) {
    return Status(StatusCode::kNotFound, fmt::format("there is no file {}", metrics_json.string()));
  }
  History history;
  try {
    const Json json = Json::parse(file);
    for (const auto& [name, value] : json.at("settings").items()) {
      history.settings.emplace_back(name, value.get<std::string>());
    }
    for (const Json& row : json.at("rounds")) {
      RoundFigures figures;
      figures.server_round = row.at("round").get<int>();
      ForEachFigure(figures, [&](const char* name, std::optional<double>& value) {
        if (row.contains(name)) value = row.at(name).get<double>();
      });
      ForEachCount(figures, [&](const char* name, int& value) {
        if (row.contains(name)) value = row.at(name).get<int>();  // earlier files lack some
      });
      figures.seconds = row.at("seconds").get<double>();
      figures.failures = row.at("failures").get<std::vector<std::string>>();
      history.rounds.push_back(std::move(figures));
    }
  } catch (const Json::exception& error) {
    return Status(StatusCode::kDataLoss,
                  fmt::format("{} is damaged: {}", metrics_json.string(), error.what()));
  }
  return history;
}

std::string ToCsv(const History& history) {
  std::string csv = "round";
  RoundFigures names;
  ForEachFigure(names, [&](const char* name, auto&) { csv += fmt::format(",{}", name); });
  ForEachCount(names, [&](const char* name, auto&) { csv += fmt::format(",{}", name); });
  csv += ",seconds\n";
  for (const RoundFigures& figures : history.rounds) {
    csv += std::to_string(figures.server_round);
    ForEachFigure(figures, [&](const char*, const std::optional<double>& value) {
      csv += value ? fmt::format(",{}", *value) : std::string(",");
    });
    ForEachCount(figures, [&](const char*, int value) { csv += fmt::format(",{}", value); });
    csv += fmt::format(",{:.3f}\n", figures.seconds);
  }
  return csv;
}

std::string ToTable(const History& history) {
  std::string table = fmt::format("{:>5}  {:>10}  {:>9}  {:>13}  {:>9}  {:>13}  {:>8}  {:>7}\n",
                                  "round", "train loss", "eval loss", "eval accuracy", "test loss",
                                  "test accuracy", "failures", "seconds");
  for (const RoundFigures& figures : history.rounds) {
    table += fmt::format("{:>5}  {:>10}  {:>9}  {:>13}  {:>9}  {:>13}  {:>8}  {:>7.2f}\n",
                         figures.server_round, Cell(figures.train_loss), Cell(figures.eval_loss),
                         Cell(figures.eval_accuracy), Cell(figures.test_loss),
                         Cell(figures.test_accuracy),
                         figures.train_failures + figures.evaluate_failures, figures.seconds);
  }
  return table;
}

}  // namespace flwrcpp::server_app
