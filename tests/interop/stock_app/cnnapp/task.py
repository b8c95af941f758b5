# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The CNN, the Fashion-MNIST partitions, training and testing: PyTorch, stock Flower side."""

import gzip

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

FASHION_MNIST = "/usr/share/datasets/fashion-mnist/"  # Debian package dataset-fashion-mnist


class Net(nn.Module):
    """LeNet-style CNN for 1x28x28 images: 44,426 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def load_partition(partition_id: int, samples: int):
    """Images [n,1,28,28] scaled to [-1,1] and labels of one contiguous partition: 80% train, 20% validation."""
    with gzip.open(FASHION_MNIST + "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(FASHION_MNIST + "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    part = slice(partition_id * samples, (partition_id + 1) * samples)
    x = (torch.from_numpy(images[part].copy()).float() / 255 - 0.5) / 0.5
    y = torch.from_numpy(labels[part].astype("int64"))
    split = int(0.8 * len(x))
    return x[:split], y[:split], x[split:], y[split:]


def train(net: Net, x, y, epochs: int, lr: float) -> float:
    """SGD with momentum 0.9, batches of 32; returns the mean batch loss."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    net.train()
    losses = []
    for _ in range(epochs):
        for start in range(0, len(x), 32):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x[start : start + 32]), y[start : start + 32])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


def test(net: Net, x, y) -> tuple[float, float]:
    """Loss and accuracy."""
    net.eval()
    with torch.no_grad():
        out = net(x)
        return F.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()
