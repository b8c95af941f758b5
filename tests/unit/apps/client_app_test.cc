// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client_app/flower_client.h"
#include "client_app/options.h"
#include "tests/support/status_matchers.h"

namespace flwrcpp::client_app {
namespace {

using testing::IsOk;
using testing::StatusIs;

Options Parse(std::vector<std::string> arguments, int& exit_code, std::string& error) {
  arguments.insert(arguments.begin(), {"client_app", "--insecure"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  Options options;
  exit_code = -1;
  ::testing::internal::CaptureStderr();
  ParseCommandLine(static_cast<int>(argv.size()), argv.data(), options, exit_code);
  error = ::testing::internal::GetCapturedStderr();
  return options;
}

TEST(CommandLine, NamesThePartitionerThatIsUnknown) {
  int exit_code = 0;
  std::string error;
  Parse({"--partitioner", "fair"}, exit_code, error);

  EXPECT_EQ(exit_code, 2);
  EXPECT_NE(error.find("error: unknown partitioner 'fair'"), std::string::npos) << error;
}

TEST(CommandLine, NamesTheParameterThatThePartitionerHasNot) {
  int exit_code = 0;
  std::string error;
  Parse({"--partitioner", "linear", "--partitioner-config", "alpha=1"}, exit_code, error);

  EXPECT_EQ(exit_code, 2);
  EXPECT_NE(error.find("alpha"), std::string::npos) << error;
}

TEST(CommandLine, TakesThePartitionFromTheNodeConfig) {
  int exit_code = 0;
  std::string error;
  const Options options =
      Parse({"--node-config", "partition-id=3 num-partitions=5 name='a b'"}, exit_code, error);

  EXPECT_EQ(error, "");
  EXPECT_EQ(options.data.partition_id, 3U);
  EXPECT_EQ(options.data.partitions.num_partitions, 5U);
  EXPECT_EQ(*options.node.node_config.GetString("name"), "a b");
}

TEST(CommandLine, NamesTheModThatIsUnknownOrHasNoSettings) {
  const struct {
    std::vector<std::string> arguments;
    std::string error;
  } cases[] = {
      {{"--mods", "fixedclipping,none"}, "error: unknown mod 'none', expected fixedclipping, "},
      {{"--mods", "fixedclipping,,"}, "error: unknown mod ''"},
      {{"--mods", "localdp", "--local-dp-config", "noise=1"},
       "error: local-dp-config: unknown setting noise, expected clipping-norm"},
      {{"--mods", "localdp"}, "clipping_norm"},
      {{"--local-dp-config", "epsilon=1"}, "error: local-dp-config is given without the mod"},
  };
  for (const auto& [arguments, expected] : cases) {
    int exit_code = 0;
    std::string error;
    Parse(arguments, exit_code, error);
    EXPECT_EQ(exit_code, 2);
    EXPECT_NE(error.find(expected), std::string::npos) << error;
  }
}

TEST(CommandLine, ListsModsFromTheOutside) {
  int exit_code = 0;
  std::string error;
  const Options options =
      Parse({"--mods", "secaggplus,secagg,message-size,localdp,adaptiveclipping",
             "--local-dp-config", "clipping-norm=1 sensitivity=1 epsilon=0.5 delta=1e-5"},
            exit_code, error);

  EXPECT_EQ(error, "");
  EXPECT_EQ(options.mods.size(), 5U);
}

/// A task on a few grey images whose class shows in their brightness.
std::shared_ptr<LocalTask> SmallTask() {
  datasets::ImageDataset images;
  images.format = {1, 28, 28, 10};
  for (int i = 0; i < 40; ++i) {
    images.labels.push_back(static_cast<std::uint8_t>(i % 2));
    images.images.insert(images.images.end(), images.format.image_size(),
                         static_cast<std::uint8_t>(i % 2 == 0 ? 20 : 220));
  }
  auto model = task::Model::Make(images.format, 1);
  return std::make_shared<LocalTask>(LocalTask{{images, images}, *std::move(model)});
}

TEST(FlowerClient, FitTrainsWithTheHyperparametersItIsGiven) {
  const auto task = SmallTask();
  const Context context;
  FlowerClient client(task, context);
  const auto initial = client.GetParameters({});
  ASSERT_THAT(initial, IsOk());
  const auto before = client.Evaluate(*initial, {});
  ASSERT_THAT(before, IsOk());

  const auto fit = client.Fit(*initial, {{"lr", 0.05}, {"local-epochs", 5}, {"batch-size", 8}});

  ASSERT_THAT(fit, IsOk());
  EXPECT_EQ(fit->num_examples, 40);
  ASSERT_EQ(fit->parameters.size(), initial->size());
  EXPECT_EQ(fit->parameters.item(0).first, "conv1.weight");
  const auto after = client.Evaluate(fit->parameters, {});
  ASSERT_THAT(after, IsOk());
  EXPECT_LT(after->loss, before->loss);
  EXPECT_TRUE(after->metrics.contains("eval_acc"));
}

TEST(FlowerClient, PositionalParametersKeepTheirNames) {
  const auto task = SmallTask();
  const Context context;
  FlowerClient client(task, context);
  const auto named = client.GetParameters({});
  ASSERT_THAT(named, IsOk());
  ArrayRecord positional;
  for (std::size_t i = 0; i < named->size(); ++i) {
    positional.Set(std::to_string(i), named->item(i).second);
  }

  const auto fit = client.Fit(positional, {{"local_epochs", 1}});

  ASSERT_THAT(fit, IsOk());
  EXPECT_EQ(fit->parameters.item(0).first, "0");
  EXPECT_EQ(fit->parameters.item(0).second.shape(), named->item(0).second.shape());
}

TEST(FlowerClient, AnUnusableHyperparameterIsNamed) {
  const auto task = SmallTask();
  const Context context;
  FlowerClient client(task, context);
  const auto initial = client.GetParameters({});
  ASSERT_THAT(initial, IsOk());

  EXPECT_THAT(client.Fit(*initial, {{"lr", "fast"}}),
              StatusIs(StatusCode::kInvalidArgument, "'lr' is a str"));
  EXPECT_THAT(client.Fit(*initial, {{"batch-size", 0}}),
              StatusIs(StatusCode::kInvalidArgument, "batch"));
}

TEST(FlowerClient, TheRunConfigIsUsedWhereTheServerSaysNothing) {
  const auto task = SmallTask();
  Context context;
  context.run_config = {{"lr", -1.0}};
  FlowerClient client(task, context);
  const auto initial = client.GetParameters({});
  ASSERT_THAT(initial, IsOk());

  EXPECT_THAT(client.Fit(*initial, {}), StatusIs(StatusCode::kInvalidArgument, "lr"));
  EXPECT_THAT(client.Fit(*initial, {{"lr", 0.01}}), IsOk());
}

TEST(FlowerClient, AStopEndsTrainingWithoutAResult) {
  const auto task = SmallTask();
  std::stop_source stop;
  stop.request_stop();
  Context context;
  context.stop = stop.get_token();
  FlowerClient client(task, context);
  const auto initial = client.GetParameters({});
  ASSERT_THAT(initial, IsOk());

  EXPECT_THAT(client.Fit(*initial, {}), StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace flwrcpp::client_app
