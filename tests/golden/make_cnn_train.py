#!/usr/bin/python3
# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes cnn_train.json: what PyTorch's own network, loss and optimizer make of a few batches.

    /usr/bin/python3 make_cnn_train.py

Run it with Debian's python3-torch, whose libtorch is the one that flwrcpp links.
"""

import json
import pathlib

import torch
from torch import nn

SAMPLES = 70  # the third batch of 32 is not full
SEED = 7
LR = 0.1
MOMENTUM = 0.9
EPOCHS = 3


def network(channels: int, side: int) -> nn.Sequential:
    pooled = ((side - 4) // 2 - 4) // 2
    torch.manual_seed(SEED)
    layers = {
        "conv1": nn.Conv2d(channels, 6, 5), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "flat": nn.Flatten(),
        "fc1": nn.Linear(16 * pooled * pooled, 120), "relu3": nn.ReLU(),
        "fc2": nn.Linear(120, 84), "relu4": nn.ReLU(),
        "fc3": nn.Linear(84, 10),
    }
    net = nn.Sequential()
    for name, layer in layers.items():
        net.add_module(name, layer)
    return net


def samples(channels: int, side: int):
    """Patterns that differ by class; model_test.cc computes the same."""
    size = channels * side * side
    sample = torch.arange(SAMPLES).unsqueeze(1)
    pixel = torch.arange(size).unsqueeze(0)
    pixels = (pixel * (3 + sample % 10) + sample * 29 + pixel * pixel // 11) % 256
    images = ((pixels.float() / 255 - 0.5) / 0.5).reshape(SAMPLES, channels, side, side)
    return images, torch.arange(SAMPLES) % 10


def some_values(tensor: torch.Tensor) -> list:
    """At most 40 numbers, evenly spread."""
    flat = tensor.detach().flatten()
    return flat[:: max(1, flat.numel() // 40)].tolist()


def describe(net: nn.Module) -> dict:
    return {
        name: {"shape": list(tensor.shape), "sum": tensor.double().sum().item(),
               "values": some_values(tensor)}
        for name, tensor in net.state_dict().items()
    }


def run(channels: int, side: int, proximal_mu: float) -> dict:
    net = network(channels, side)
    images, labels = samples(channels, side)
    initial = describe(net)
    start = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    losses = []
    for _ in range(EPOCHS):
        for x, y in zip(images.split(32), labels.split(32)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            losses.append(loss.item())
            distance = sum(((w - s) ** 2).sum() for w, s in zip(net.parameters(), start))
            (loss + proximal_mu / 2 * distance).backward()
            optimizer.step()
    with torch.no_grad():
        logits = net(images)
    return {
        "channels": channels, "side": side, "samples": SAMPLES, "seed": SEED, "lr": LR,
        "momentum": MOMENTUM, "epochs": EPOCHS, "proximal_mu": proximal_mu,
        "initial": initial,
        "train_loss": sum(losses) / len(losses),
        "trained": describe(net),
        "test_loss": nn.functional.cross_entropy(logits, labels).item(),
        "accuracy": (logits.argmax(1) == labels).double().mean().item(),
    }


def main() -> None:
    torch.set_num_threads(1)
    cases = {"grey": run(1, 28, 0), "colour": run(3, 32, 0), "proximal": run(1, 28, 0.5)}
    path = pathlib.Path(__file__).with_name("cnn_train.json")
    path.write_text(json.dumps({"torch": torch.__version__, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
