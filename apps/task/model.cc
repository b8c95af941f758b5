// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/model.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "flwrcpp/datasets/partitioner.h"
#include "flwrcpp/torch.h"
#include "task/cnn.h"
#include "task/normalize.h"

namespace flwrcpp::task {
namespace {

/// Large enough that the overhead of a batch vanishes, small enough for its planes to stay in the
/// processor's cache.
constexpr std::size_t kTestBatchSize = 100;

template <typename... Args>
Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return {StatusCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
}

/// Calls `function` where libtorch's exceptions end.
template <typename Function>
auto Guarded(const Function& function) -> decltype(function()) {
  try {
    return function();
  } catch (const c10::Error& error) {
    return Status(StatusCode::kInternal,
                  fmt::format("libtorch: {}", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return Status(StatusCode::kInternal, fmt::format("libtorch: {}", error.what()));
  }
}

StatusOr<torch::Device> ParseDevice(const std::string& name) {
  try {
    torch::Device device(name);
    if (device.is_cpu()) return device;
    if (device.is_cuda() && torch::cuda::is_available() &&
        device.index() < static_cast<int>(torch::cuda::device_count())) {
      return device;
    }
  } catch (const c10::Error&) {
    return InvalidArgument("'{}' is no device, expected cpu, cuda or cuda:N", name);
  }
  return InvalidArgument("the device '{}' is not there", name);
}

Status CheckData(const Model& model, const datasets::ImageDataset& data) {
  const datasets::ImageFormat& format = model.format();
  if (data.format != format) {
    return InvalidArgument("the images are {}x{}x{} of {} classes, the model is for {}x{}x{} of {}",
                           data.format.channels, data.format.height, data.format.width,
                           data.format.num_classes, format.channels, format.height, format.width,
                           format.num_classes);
  }
  if (data.size() == 0) return InvalidArgument("there are no samples");
  if (data.images.size() != data.size() * format.image_size()) {
    return InvalidArgument("{} labels come with {} bytes of images of {} bytes", data.size(),
                           data.images.size(), format.image_size());
  }
  return {};
}

Status CheckOptions(const TrainOptions& options) {
  if (!std::isfinite(options.lr) || options.lr <= 0) {
    return InvalidArgument("lr is {}, expected a number above 0", options.lr);
  }
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    return InvalidArgument("momentum is {}, expected 0 to below 1", options.momentum);
  }
  if (options.epochs < 1) {
    return InvalidArgument("epochs is {}, expected 1 or more", options.epochs);
  }
  if (options.batch_size < 1) {
    return InvalidArgument("batch_size is {}, expected 1 or more", options.batch_size);
  }
  if (!std::isfinite(options.proximal_mu) || options.proximal_mu < 0) {
    return InvalidArgument("proximal_mu is {}, expected 0 or more", options.proximal_mu);
  }
  return {};
}

struct Batch {
  torch::Tensor images;
  torch::Tensor labels;
};

/// Makes batches of tensors from bytes, in buffers that are used again: a copy of the whole data
/// as floats would be four times as large and no faster.
class Batches {
 public:
  /// @param size at most as large as the data; a later batch may be smaller.
  Batches(const datasets::ImageDataset& data, std::size_t size, torch::Device device)
      : data_(data), device_(device) {
    const auto count = static_cast<std::int64_t>(size);
    const datasets::ImageFormat& format = data.format;
    images_ = torch::empty({count, format.channels, format.height, format.width}, torch::kFloat32);
    labels_ = torch::empty({count}, torch::kInt64);
  }

  /// `count` samples: those at the positions `order[first]`, …, or from `first` without an order.
  /// Valid until the next call.
  Batch Get(std::size_t first, std::size_t count, const std::vector<std::size_t>& order) {
    const std::size_t image_size = data_.format.image_size();
    const std::span<float> images(images_.data_ptr<float>(), count * image_size);
    const std::span<std::int64_t> labels(labels_.data_ptr<std::int64_t>(), count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t sample = order.empty() ? first + i : order[first + i];
      Normalize(data_.image(sample), images.subspan(i * image_size, image_size));
      labels[i] = data_.labels[sample];
    }
    const auto length = static_cast<std::int64_t>(count);
    return {images_.narrow(0, 0, length).to(device_), labels_.narrow(0, 0, length).to(device_)};
  }

 private:
  const datasets::ImageDataset& data_;
  torch::Device device_;
  torch::Tensor images_;
  torch::Tensor labels_;
};

/// Adds the gradient of FedProx's mu/2 |w - w_0|².
void AddProximalGradient(const std::vector<torch::Tensor>& parameters,
                         const std::vector<torch::Tensor>& start, double mu) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    parameters[i].mutable_grad().add_(parameters[i] - start[i], mu);
  }
}

StatusOr<TrainResult> RunTraining(Cnn& cnn, const datasets::ImageDataset& data,
                                  const TrainOptions& options, torch::Device device) {
  cnn.to(device);
  cnn.train();
  const std::vector<torch::Tensor> parameters = cnn.parameters();
  std::vector<torch::Tensor> start;
  if (options.proximal_mu > 0) {
    for (const torch::Tensor& parameter : parameters) start.push_back(parameter.detach().clone());
  }
  torch::optim::SGD optimizer(parameters,
                              torch::optim::SGDOptions(options.lr).momentum(options.momentum));
  const std::size_t batch_size = std::min<std::size_t>(options.batch_size, data.size());
  Batches batches(data, batch_size, device);
  TrainResult result;
  result.num_examples = data.size();
  double sum = 0;
  std::size_t count = 0;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    std::vector<std::size_t> order;
    if (options.shuffle_seed) {
      // Spread, so that the next seed's first epoch is not this one's second.
      order = datasets::Permutation(data.size(), *options.shuffle_seed * 0x9E3779B97F4A7C15 +
                                                     static_cast<std::uint64_t>(epoch));
    }
    for (std::size_t first = 0; first < data.size(); first += batch_size) {
      if (options.stop.stop_requested()) {
        result.stopped = true;
        return result;
      }
      const Batch batch = batches.Get(first, std::min(batch_size, data.size() - first), order);
      cnn.zero_grad(/*set_to_none=*/true);  // So that backward() need not add to zeros.
      const torch::Tensor loss = torch::cross_entropy_loss(cnn.Forward(batch.images), batch.labels);
      const auto loss_value = loss.item<double>();
      if (!std::isfinite(loss_value)) {
        return Status(StatusCode::kOutOfRange,
                      fmt::format("the loss became {} in batch {} of epoch {} (lr {}): training "
                                  "diverged or started from such weights",
                                  loss_value, first / batch_size, epoch, options.lr));
      }
      loss.backward();
      if (options.proximal_mu > 0) AddProximalGradient(parameters, start, options.proximal_mu);
      optimizer.step();
      sum += loss_value;
      ++count;
      result.loss = sum / static_cast<double>(count);
    }
  }
  // The last step is seen by no loss, and one bad reply would spoil the mean of all.
  for (const torch::Tensor& parameter : parameters) {
    if (!parameter.isfinite().all().item<bool>()) {
      return Status(
          StatusCode::kOutOfRange,
          fmt::format("weights are no longer finite after the last step (lr {})", options.lr));
    }
  }
  return result;
}

TestResult RunTest(Cnn& cnn, const datasets::ImageDataset& data, torch::Device device) {
  const torch::NoGradGuard no_grad;
  cnn.to(device);
  cnn.eval();
  const std::size_t batch_size = std::min(kTestBatchSize, data.size());
  Batches batches(data, batch_size, device);
  double loss = 0;
  std::int64_t correct = 0;
  for (std::size_t first = 0; first < data.size(); first += batch_size) {
    const Batch batch = batches.Get(first, std::min(batch_size, data.size() - first), {});
    const torch::Tensor logits = cnn.Forward(batch.images);
    loss += torch::cross_entropy_loss(logits, batch.labels, {}, at::Reduction::Sum).item<double>();
    correct += logits.argmax(1).eq(batch.labels).sum().item<std::int64_t>();
  }
  const auto size = static_cast<double>(data.size());
  return {loss / size, static_cast<double>(correct) / size, data.size()};
}

}  // namespace

Model::Model(std::unique_ptr<Cnn> cnn) : cnn_(std::move(cnn)) {}
Model::Model(Model&& other) noexcept = default;
Model& Model::operator=(Model&& other) noexcept = default;
Model::~Model() = default;

StatusOr<Model> Model::Make(const datasets::ImageFormat& format, std::uint64_t seed) {
  if (!Cnn::Supports(format)) {
    return InvalidArgument(
        "images of {}x{}x{} do not fit the network: it needs sides of at least 16 that are "
        "multiples of 4",
        format.channels, format.height, format.width);
  }
  return Guarded([&]() -> StatusOr<Model> {
    // The generator is the process's: no other model may draw between seed and last layer.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    torch::manual_seed(seed);
    return Model(std::make_unique<Cnn>(format));
  });
}

const datasets::ImageFormat& Model::format() const { return cnn_->format(); }

StatusOr<ArrayRecord> Model::Parameters() const { return ToArrayRecord(*cnn_); }

Status Model::SetParameters(const ArrayRecord& arrays) { return LoadArrayRecord(arrays, *cnn_); }

StatusOr<TrainResult> Train(Model& model, const datasets::ImageDataset& data,
                            const TrainOptions& options) {
  if (Status status = CheckOptions(options); !status.ok()) return status;
  if (Status status = CheckData(model, data); !status.ok()) return status;
  const StatusOr<torch::Device> device = ParseDevice(options.device);
  if (!device.ok()) return device.status();
  return Guarded([&] { return RunTraining(model.cnn(), data, options, *device); });
}

StatusOr<TestResult> Test(Model& model, const datasets::ImageDataset& data,
                          const std::string& device_name) {
  if (Status status = CheckData(model, data); !status.ok()) return status;
  const StatusOr<torch::Device> device = ParseDevice(device_name);
  if (!device.ok()) return device.status();
  return Guarded([&]() -> StatusOr<TestResult> { return RunTest(model.cnn(), data, *device); });
}

StatusOr<std::string> ChooseDevice(const std::string& name) {
  if (name == "auto") return torch::cuda::is_available() ? "cuda" : "cpu";
  const StatusOr<torch::Device> device = ParseDevice(name);
  if (!device.ok()) return device.status();
  return name;
}

Status SetThreads(int threads) {
  if (threads < 1 || threads > 1024) {
    return InvalidArgument("{} threads, expected 1 to 1024", threads);
  }
  at::set_num_threads(threads);
  return {};
}

}  // namespace flwrcpp::task
