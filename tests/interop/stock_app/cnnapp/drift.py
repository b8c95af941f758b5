# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Training without learning, for tests that care about messages: exact, quick, and able to fail on request.

The C++ test node (interop_node) does the same arithmetic and obeys the same words in the instruction's config.
"""

import time

import numpy as np


def train(arrays: dict[str, np.ndarray], partition: int, server_round: int) -> dict[str, np.ndarray]:
    """Half of each array plus a number that tells partition and round."""
    step = 0.001 * (partition + 1) * server_round
    return {name: (array * 0.5 + step).astype(array.dtype) for name, array in arrays.items()}


def num_examples(partition: int) -> int:
    """Different for every partition, so that a plain mean is not the weighted one."""
    return 10 * (partition + 1)


def loss(arrays: dict[str, np.ndarray]) -> float:
    """The mean of all elements' sizes."""
    return float(np.mean([np.abs(array).mean() for array in arrays.values()]))


def obey(config, partition: int) -> None:
    """Does what the instruction's config asks of this partition: throws, or sleeps before it goes on."""
    if config.get("fault", "") == "" or int(config.get("fault-partition", -1)) != partition:
        return
    # Tests wait for this line to know that a node is in the middle of its work.
    print(f"fault {config['fault']} begins on partition {partition}", flush=True)
    if config["fault"] == "throw":
        raise ValueError(f"interop fault on partition {partition}")
    time.sleep(float(config["fault-seconds"]))
