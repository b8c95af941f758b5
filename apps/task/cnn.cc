// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#include "task/cnn.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <utility>

#include "task/pooling.h"

namespace flwrcpp::task {
namespace {

constexpr int kKernel = 5;

/// Side of the planes after both convolutions and poolings.
int PooledSide(int side) { return ((side - kKernel + 1) / 2 - kKernel + 1) / 2; }

torch::Tensor PooledLike(const torch::Tensor& in) {
  return torch::empty({in.size(0), in.size(1), in.size(2) / 2, in.size(3) / 2}, in.options());
}

/// Output rows of all planes together.
std::size_t Rows(const torch::Tensor& out) {
  return static_cast<std::size_t>(out.numel() / out.size(3));
}

torch::Tensor RunPoolRelu(const torch::Tensor& in) {
  torch::Tensor out = PooledLike(in);
  PoolRelu(in.data_ptr<float>(), out.data_ptr<float>(), Rows(out),
           static_cast<std::size_t>(out.size(3)));
  return out;
}

class PoolReluFunction : public torch::autograd::Function<PoolReluFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& input) {
    const torch::Tensor in = input.contiguous();
    torch::Tensor out = RunPoolRelu(in);
    context->save_for_backward({in, out});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const torch::Tensor& in = saved[0];
    const torch::Tensor& out = saved[1];
    const torch::Tensor out_gradient = gradients[0].contiguous();
    torch::Tensor in_gradient = torch::empty_like(in);
    PoolReluBackward(in.data_ptr<float>(), out.data_ptr<float>(), out_gradient.data_ptr<float>(),
                     in_gradient.data_ptr<float>(), Rows(out),
                     static_cast<std::size_t>(out.size(3)));
    return {in_gradient};
  }
};

torch::Tensor Pool(const torch::Tensor& in) {
  if (!in.device().is_cpu()) return torch::relu(torch::max_pool2d(in, 2));
  if (!torch::GradMode::is_enabled()) return RunPoolRelu(in.contiguous());
  return PoolReluFunction::apply(in);
}

/// A linear layer, computed as a convolution whose kernel is as large as the plane: the same sums
/// by oneDNN, where linear() would leave them to a BLAS that on Debian is the slow reference one.
torch::Tensor Apply(torch::nn::Linear& layer, const torch::Tensor& in) {
  const torch::Tensor kernel =
      layer->weight.view({layer->weight.size(0), in.size(1), in.size(2), in.size(3)});
  return torch::conv2d(in, kernel, layer->bias);
}

}  // namespace

bool Cnn::Supports(const datasets::ImageFormat& format) {
  const auto fits = [](int side) { return side >= 16 && side % 4 == 0; };
  return format.channels > 0 && format.num_classes > 0 && fits(format.height) && fits(format.width);
}

Cnn::Cnn(const datasets::ImageFormat& format)
    : format_(format),
      conv1_(register_module("conv1", torch::nn::Conv2d(format.channels, 6, kKernel))),
      conv2_(register_module("conv2", torch::nn::Conv2d(6, 16, kKernel))),
      fc1_(register_module(
          "fc1",
          torch::nn::Linear(16 * PooledSide(format.height) * PooledSide(format.width), 120))),
      fc2_(register_module("fc2", torch::nn::Linear(120, 84))),
      fc3_(register_module("fc3", torch::nn::Linear(84, format.num_classes))) {}

torch::Tensor Cnn::Forward(torch::Tensor images) {
  torch::Tensor x = Pool(conv1_->forward(images));
  x = Pool(conv2_->forward(x));
  x = torch::relu(Apply(fc1_, x));
  x = torch::relu(Apply(fc2_, x));
  return Apply(fc3_, x).flatten(1);
}

}  // namespace flwrcpp::task
