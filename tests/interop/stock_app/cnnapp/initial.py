# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The CNN's initial arrays, made with NumPy so that a ServerApp needs no PyTorch."""

import numpy as np

SHAPES = {
    "conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,),
    "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
    "fc1.weight": (120, 256), "fc1.bias": (120,),
    "fc2.weight": (84, 120), "fc2.bias": (84,),
    "fc3.weight": (10, 84), "fc3.bias": (10,),
}  # fmt: skip


def initial_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Uniform(-1/sqrt(fan_in), 1/sqrt(fan_in)), as PyTorch initialises these layers."""
    rng = np.random.default_rng(seed)
    arrays, bound = {}, 1.0
    for name, shape in SHAPES.items():
        if name.endswith("weight"):
            bound = 1 / np.sqrt(np.prod(shape[1:]))
        arrays[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return arrays
