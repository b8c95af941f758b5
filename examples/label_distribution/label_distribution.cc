// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0

// Shows who would hold what: divides a dataset as the nodes of a federation will, prints how often
// each label comes up in each partition, and draws it. The partitions are those of flwr-datasets
// for the same settings.
//
//   label_distribution --partitioner dirichlet --alpha 0.1 --num-partitions 10 --out heatmap.svg
//   label_distribution --csv hospitals.csv --label diagnosis --partitioner natural-id
//                      --partition-by hospital

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "flwrcpp/datasets/csv.h"
#include "flwrcpp/datasets/federated_dataset.h"
#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/datasets/make_partitioner.h"
#include "flwrcpp/datasets/metrics.h"
#include "flwrcpp/datasets/visualization.h"

namespace {

namespace datasets = flwrcpp::datasets;
using flwrcpp::Status;
using flwrcpp::StatusCode;
using flwrcpp::StatusOr;

struct Options {
  std::string dataset = "fashion-mnist";
  std::string data_dir;
  std::string csv;
  std::string split = "train";
  std::string label = "label";
  std::string partition_by;
  std::string partitioner = "iid";
  std::optional<std::int64_t> num_partitions;
  std::optional<double> alpha;
  std::vector<std::string> parameters;
  bool no_shuffle = false;
  std::uint64_t seed = 42;
  std::size_t max_partitions = 0;
  std::string out;
  std::string plot = "heatmap";
  std::string unit = "absolute";
  std::string partition_axis = "y";
  std::string title;
};

/// A number or truth value if `text` is one, else the text.
datasets::PartitionerParameter ParseValue(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* const end = text.data() + text.size();
  std::int64_t integer = 0;
  if (auto [at, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && at == end) {
    return integer;
  }
  double real = 0;
  if (auto [at, error] = std::from_chars(text.data(), end, real);
      error == std::errc() && at == end) {
    return real;
  }
  return text;
}

/// As `ParseValue`; with commas, a list of numbers.
StatusOr<datasets::PartitionerParameter> ParseParameter(const std::string& text) {
  if (text.find(',') == std::string::npos) return ParseValue(text);
  std::vector<std::int64_t> integers;
  std::vector<double> reals;
  for (const std::string& piece : CLI::detail::split(text, ',')) {
    const datasets::PartitionerParameter value = ParseValue(piece);
    const auto* const integer = std::get_if<std::int64_t>(&value);
    const auto* const real = std::get_if<double>(&value);
    if (integer == nullptr && real == nullptr) {
      return Status(StatusCode::kInvalidArgument, "'" + piece + "' in --param is no number");
    }
    if (integer != nullptr) integers.push_back(*integer);
    reals.push_back(integer != nullptr ? static_cast<double>(*integer) : *real);
  }
  if (integers.size() == reals.size()) return integers;
  return reals;
}

StatusOr<std::shared_ptr<const datasets::Partitioner>> MakePartitioner(const Options& options) {
  datasets::PartitionerParameters parameters;
  if (options.num_partitions) parameters["num_partitions"] = *options.num_partitions;
  if (options.alpha) parameters["alpha"] = *options.alpha;
  for (const std::string& parameter : options.parameters) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string::npos) {
      return Status(StatusCode::kInvalidArgument,
                    "--param '" + parameter + "': expected name=value");
    }
    auto value = ParseParameter(parameter.substr(equals + 1));
    if (!value.ok()) return value.status();
    parameters[parameter.substr(0, equals)] = *std::move(value);
  }
  auto partitioner = datasets::MakePartitioner(options.partitioner, parameters);
  if (!partitioner.ok()) return partitioner.status();
  return std::shared_ptr<const datasets::Partitioner>(*std::move(partitioner));
}

/// The data, and the names of its classes if it has such.
struct Source {
  std::shared_ptr<const datasets::DataSource> data;
  std::vector<std::string> class_names;
};

StatusOr<Source> OpenSource(const Options& options) {
  if (!options.csv.empty()) {
    auto table = datasets::ReadCsv(options.csv, {});
    if (!table.ok()) return table.status();
    return Source{datasets::MakeTableSource({{options.split, *std::move(table)}}), {}};
  }
  auto images = datasets::MakeImageSource(options.dataset, options.data_dir);
  if (!images.ok()) return images.status();
  std::vector<std::string> class_names;
  if (options.label == datasets::kLabelColumn) class_names = (*images)->class_names();
  return Source{*std::move(images), std::move(class_names)};
}

StatusOr<datasets::LabelCounts> Count(const Options& options) {
  auto source = OpenSource(options);
  if (!source.ok()) return source.status();
  auto partitioner = MakePartitioner(options);
  if (!partitioner.ok()) return partitioner.status();

  datasets::FederatedDatasetOptions dataset_options;
  dataset_options.partitioners[options.split] = {
      .partitioner = *std::move(partitioner),
      .partition_by = options.partition_by.empty() ? options.label : options.partition_by};
  dataset_options.shuffle = !options.no_shuffle;
  dataset_options.seed = options.seed;
  const auto dataset = datasets::FederatedDataset::Make(source->data, dataset_options);
  if (!dataset.ok()) return dataset.status();

  const auto labels = dataset->source().LoadColumn(options.split, options.label);
  if (!labels.ok()) return labels.status();
  const auto partitions = dataset->FindPartitions(options.split);
  if (!partitions.ok()) return partitions.status();
  datasets::CountOptions count_options;
  count_options.label_names = source->class_names;
  count_options.max_num_partitions = options.max_partitions;
  return datasets::ComputeCounts(*labels, **partitions, count_options);
}

void Print(const datasets::LabelCounts& counts) {
  const auto pad = [](const std::string& text, std::size_t width) {
    std::cout << std::string(width > text.size() ? width - text.size() : 0, ' ') << text;
  };
  std::cout << "partition";
  for (const std::string& label : counts.labels)
    pad(label, std::max<std::size_t>(label.size(), 6) + 2);
  std::cout << "    total\n";
  for (std::size_t i = 0; i < counts.counts.size(); ++i) {
    pad(std::to_string(i), 9);
    for (std::size_t j = 0; j < counts.labels.size(); ++j) {
      pad(std::to_string(counts.counts[i][j]),
          std::max<std::size_t>(counts.labels[j].size(), 6) + 2);
    }
    pad(std::to_string(
            std::accumulate(counts.counts[i].begin(), counts.counts[i].end(), std::int64_t{0})),
        9);
    std::cout << '\n';
  }
}

Status Draw(const datasets::LabelCounts& counts, const Options& options) {
  datasets::PlotOptions plot;
  if (options.plot == "heatmap") plot.plot_type = datasets::PlotType::kHeatmap;
  if (options.unit == "percent") plot.size_unit = datasets::SizeUnit::kPercent;
  if (options.partition_axis == "y") plot.partition_id_axis = datasets::PartitionIdAxis::kY;
  if (!options.title.empty()) plot.title = options.title;
  plot.legend = true;
  const auto svg = datasets::PlotLabelDistributions(counts, plot);
  if (!svg.ok()) return svg.status();
  std::ofstream file(options.out, std::ios::binary);
  file << *svg << std::flush;
  if (!file) return {StatusCode::kUnavailable, "cannot write '" + options.out + "'"};
  std::cout << "wrote " << options.out << '\n';
  return {};
}

Status Run(const Options& options) {
  const auto counts = Count(options);
  if (!counts.ok()) return counts.status();
  Print(*counts);
  return options.out.empty() ? Status() : Draw(*counts, options);
}

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("--dataset", options.dataset, "fashion-mnist or cifar10")->capture_default_str();
  app.add_option("--data-dir", options.data_dir,
                 "directory of the dataset's files; without it Fashion-MNIST is looked for where "
                 "Debian puts it");
  app.add_option("--csv", options.csv, "a CSV file to divide instead")->excludes("--dataset");
  app.add_option("--split", options.split, "the split that is divided")->capture_default_str();
  app.add_option("--label", options.label, "column that is counted")->capture_default_str();
  app.add_option("--partition-by", options.partition_by,
                 "column that the partitioner divides by, if not the label");
  app.add_option("--partitioner", options.partitioner,
                 "one of: " + CLI::detail::join(datasets::PartitionerNames(), ", "))
      ->capture_default_str();
  app.add_option("--num-partitions", options.num_partitions, "number of partitions");
  app.add_option("--alpha", options.alpha, "concentration of a Dirichlet partitioner");
  app.add_option("--param", options.parameters,
                 "another parameter of the partitioner, name=value, by its name in Flower; may be "
                 "repeated");
  app.add_flag("--no-shuffle", options.no_shuffle, "leave the rows in the order of the file");
  app.add_option("--seed", options.seed, "seed of the order of the rows")->capture_default_str();
  app.add_option("--max-partitions", options.max_partitions, "show the first ones only");
  app.add_option("--out", options.out, "SVG file to draw to");

  app.add_option("--plot", options.plot, "heatmap or bar")
      ->check(CLI::IsMember({"heatmap", "bar"}))
      ->capture_default_str();
  app.add_option("--unit", options.unit, "absolute (numbers) or percent (of the partition)")
      ->check(CLI::IsMember({"absolute", "percent"}))
      ->capture_default_str();
  app.add_option("--partition-axis", options.partition_axis, "axis that has the partitions, x or y")
      ->check(CLI::IsMember({"x", "y"}))
      ->capture_default_str();
  app.add_option("--title", options.title, "title of the image");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Divides a dataset among nodes and shows which labels each of them gets.");
  AddOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const Status status = Run(options);
  if (!status.ok()) std::cerr << "label_distribution: error: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
