// SPDX-FileCopyrightText: The flwrcpp authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "flwrcpp/datasets/image_source.h"

namespace flwrcpp::task {

/// LeNet-style CNN: two convolutions with pooling and three linear layers. Names, shapes and
/// results are those of the network in Flower's PyTorch quickstart: 44,426 parameters for 1x28x28
/// images, 62,006 for 3x32x32.
///
/// A header for those that need the torch module itself; `task/model.h` needs no torch.
class Cnn : public torch::nn::Module {
 public:
  /// Whether the layers can be laid out for these images: sides of 4k, at least 16.
  static bool Supports(const datasets::ImageFormat& format);

  /// Draws the weights as PyTorch does, from torch's generator. `format` must be supported.
  explicit Cnn(const datasets::ImageFormat& format);

  const datasets::ImageFormat& format() const { return format_; }

  /// Logits [n, num_classes] of images [n, channels, height, width].
  torch::Tensor Forward(torch::Tensor images);

 private:
  datasets::ImageFormat format_;
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
  torch::nn::Linear fc1_;
  torch::nn::Linear fc2_;
  torch::nn::Linear fc3_;
};

}  // namespace flwrcpp::task
