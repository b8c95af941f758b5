// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "flwrcpp/datasets/image_source.h"
#include "flwrcpp/records.h"
#include "flwrcpp/status.h"

namespace flwrcpp::task {

class Cnn;

/// The network that is learned, without libtorch in sight. Movable; one thread at a time.
class Model {
 public:
  /// A network for images of `format`, with the weights that PyTorch draws after
  /// `torch.manual_seed(seed)`.
  /// @return `kInvalidArgument` for images that the network cannot be laid out for.
  static StatusOr<Model> Make(const datasets::ImageFormat& format, std::uint64_t seed);

  Model(Model&& other) noexcept;
  Model& operator=(Model&& other) noexcept;
  ~Model();

  const datasets::ImageFormat& format() const;

  /// See `ToArrayRecord` and `LoadArrayRecord` in `flwrcpp/torch.h`.
  StatusOr<ArrayRecord> Parameters() const;
  Status SetParameters(const ArrayRecord& arrays);

  Cnn& cnn() { return *cnn_; }

 private:
  explicit Model(std::unique_ptr<Cnn> cnn);

  std::unique_ptr<Cnn> cnn_;
};

/// Settings of local training: stochastic gradient descent with momentum.
struct TrainOptions {
  double lr = 0.01;        ///< Finite, above 0.
  double momentum = 0.9;   ///< From 0 to below 1.
  int epochs = 1;          ///< Passes over the data, at least 1.
  int batch_size = 32;     ///< At least 1.
  double proximal_mu = 0;  ///< FedProx: adds mu/2 |w - w_0|² to the loss. Finite, at least 0.

  /// Draws a new order of the samples for each epoch; empty: always their own order. Give each
  /// round another seed, or all rounds take the same orders.
  std::optional<std::uint64_t> shuffle_seed;

  /// A libtorch device: "cpu", "cuda", "cuda:1", …
  std::string device = "cpu";

  /// Ends training after the batch at hand.
  std::stop_token stop;
};

struct TrainResult {
  double loss = 0;  ///< Mean of the batches' cross entropies (no proximal term); 0 without batches.
  std::size_t num_examples = 0;  ///< Samples of the data, each counted once.
  bool stopped = false;          ///< Ended early: the model is half-trained.
};

struct TestResult {
  double loss = 0;      ///< Mean cross entropy.
  double accuracy = 0;  ///< Share of the samples whose class is the most probable one.
  std::size_t num_examples = 0;
};

/// Trains `model` on `data`.
/// @return `kInvalidArgument` naming the setting that is out of range, a device that is not there,
///   no data or data of another format; `kOutOfRange` when loss or weights are no longer finite;
///   `kInternal` with libtorch's text when it fails. The model is then partly trained.
StatusOr<TrainResult> Train(Model& model, const datasets::ImageDataset& data,
                            const TrainOptions& options);

/// Measures `model` on `data`.
/// @return as `Train`; a loss that is not finite is no error here.
StatusOr<TestResult> Test(Model& model, const datasets::ImageDataset& data,
                          const std::string& device);

/// Resolves "auto" to "cuda" where libtorch finds one, else "cpu"; checks any other name.
/// @return `kInvalidArgument` for a device that is not there.
StatusOr<std::string> ChooseDevice(const std::string& name);

/// Threads that libtorch computes with, in the whole process. One is fastest where nodes share
/// the cores: these layers are too small to be worth dividing.
/// @return `kInvalidArgument` for less than 1 or more than 1024.
Status SetThreads(int threads);

}  // namespace flwrcpp::task
