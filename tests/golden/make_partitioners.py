# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes partitioners.json: how flwr-datasets divides rows and columns, and what NumPy draws.

Run by hand with flwr-datasets 0.6.1 and NumPy 2.4.6 (`pip install flwr-datasets==0.6.1`) where Debian's package
dataset-fashion-mnist is installed:

    python make_partitioners.py > partitioners.json

Of the small columns the file has every partition row by row, of Fashion-MNIST's 60,000 labels the sizes, the classes
and the CRC-32 of the row numbers (as little-endian uint64). Cases with "shuffle_dataset" were shuffled with this seed
first; their partitions hold the row numbers from before.
"""

import copy
import gzip
import json
import sys
import warnings
import zlib

import datasets
import numpy as np
from flwr_datasets import partitioner as flwr_partitioners

warnings.simplefilter("ignore")
datasets.disable_progress_bars()

FASHION_MNIST = "/usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz"


def make_columns() -> dict:
    rng = np.random.default_rng(11)
    digits = np.repeat(np.arange(10), [14, 46, 30, 22, 38, 18, 42, 26, 34, 30])
    rng.shuffle(digits)
    names = [f"{kind}-{number}" for kind in ("ward", "Ward", "klinik", "zürich", "žilina") for number in (1, 2, 10)]
    return {
        "digits": digits.tolist(),
        "names": rng.choice(names, 200).tolist(),
        "ids": rng.choice([-5, 3, 40, 41, 1000, 7, 12, 9000000000], 150).tolist(),
        "reals": (rng.normal(50, 12, 257).round(6)).tolist(),
    }


def make(name: str, parameters: dict, **more):
    arguments = copy.deepcopy(parameters) | more  # Vertical partitioners append to the lists that they are given.
    if "distribution_array" in arguments:
        arguments["distribution_array"] = np.array(arguments["distribution_array"])
    return getattr(flwr_partitioners, name)(**arguments)


def rows_of_partitions(name: str, values: list, parameters: dict, shuffle_dataset=None) -> list:
    data = datasets.Dataset.from_dict({"row": list(range(len(values))), "value": values})
    if shuffle_dataset is not None:
        data = data.shuffle(seed=shuffle_dataset)
    needs_column = name not in ("IidPartitioner", "SizePartitioner", "LinearPartitioner", "SquarePartitioner",
                                "ExponentialPartitioner", "IdToSizeFncPartitioner")
    partitioner = make(name, parameters, **({"partition_by": "value"} if needs_column else {}))
    partitioner.dataset = data
    return [list(partitioner.load_partition(i)["row"]) for i in range(partitioner.num_partitions)]


# (partitioner, column, parameters, seed of a shuffle before or nothing)
CASES = [
    ("IidPartitioner", "digits", {"num_partitions": 1}),
    ("IidPartitioner", "digits", {"num_partitions": 7}),
    ("IidPartitioner", "names", {"num_partitions": 3}),
    ("IidPartitioner", "digits", {"num_partitions": 7}, 42),
    ("SizePartitioner", "digits", {"partition_sizes": [10, 1, 200]}),
    ("SizePartitioner", "digits", {"partition_sizes": [100, 200]}),
    ("LinearPartitioner", "digits", {"num_partitions": 7}),
    ("LinearPartitioner", "digits", {"num_partitions": 24}),
    ("LinearPartitioner", "ids", {"num_partitions": 1}),
    ("SquarePartitioner", "digits", {"num_partitions": 6}),
    ("ExponentialPartitioner", "digits", {"num_partitions": 5}),
    ("DirichletPartitioner", "digits", {"num_partitions": 5, "alpha": 0.5, "min_partition_size": 1}),
    ("DirichletPartitioner", "digits", {"num_partitions": 5, "alpha": 0.5, "min_partition_size": 1, "shuffle": False}),
    ("DirichletPartitioner", "digits", {"num_partitions": 5, "alpha": 0.5, "min_partition_size": 1}, 42),
    ("DirichletPartitioner", "digits", {"num_partitions": 4, "alpha": 1}),
    ("DirichletPartitioner", "digits", {"num_partitions": 4, "alpha": 3.5, "seed": 7}),
    ("DirichletPartitioner", "digits", {"num_partitions": 3, "alpha": 0.05, "min_partition_size": 0}),
    ("DirichletPartitioner", "digits", {"num_partitions": 30, "alpha": 0.09, "min_partition_size": 0}),
    ("DirichletPartitioner", "digits", {"num_partitions": 3, "alpha": [0.2, 0.9, 2.0], "min_partition_size": 5}),
    ("DirichletPartitioner", "digits", {"num_partitions": 6, "alpha": 0.3, "self_balancing": True, "seed": 2**40 + 5}),
    ("DirichletPartitioner", "digits", {"num_partitions": 6, "alpha": 0.4, "min_partition_size": 22, "seed": 5}),
    ("DirichletPartitioner", "names", {"num_partitions": 4, "alpha": 0.7, "shuffle": False}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [100, 100, 100], "alpha": 0.3}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [100, 100, 100], "alpha": 0.3, "shuffle": False}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [10, 0, 50], "alpha": [0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0]}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [30, 30, 30, 30], "alpha": 10, "seed": 3}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [20, 25], "alpha": 0.06}),
    *[
        ("PathologicalPartitioner", "digits", {"num_partitions": n, "num_classes_per_partition": c, "class_assignment_mode": mode, "shuffle": shuffle})
        for mode in ("random", "deterministic", "first-deterministic")
        for n, c, shuffle in ((6, 3, True), (12, 2, False), (4, 10, False), (3, 1, True))
    ],
    ("PathologicalPartitioner", "names", {"num_partitions": 5, "num_classes_per_partition": 4}),
    ("ShardPartitioner", "digits", {"num_partitions": 10, "num_shards_per_partition": 2}),
    ("ShardPartitioner", "digits", {"num_partitions": 7, "num_shards_per_partition": 3, "shuffle": False}),
    ("ShardPartitioner", "digits", {"num_partitions": 7, "num_shards_per_partition": 3, "keep_incomplete_shard": True, "shuffle": False}),
    ("ShardPartitioner", "digits", {"num_partitions": 5, "num_shards_per_partition": 2, "shard_size": 13}),
    ("ShardPartitioner", "digits", {"num_partitions": 5, "num_shards_per_partition": 2, "shard_size": 13, "keep_incomplete_shard": True}),
    ("ShardPartitioner", "digits", {"num_partitions": 4, "shard_size": 17, "shuffle": False}),
    ("ShardPartitioner", "digits", {"num_partitions": 4, "shard_size": 17, "keep_incomplete_shard": True, "shuffle": False}),
    ("ShardPartitioner", "digits", {"num_partitions": 4, "shard_size": 25, "keep_incomplete_shard": True, "seed": 1}),
    ("ShardPartitioner", "names", {"num_partitions": 6, "shard_size": 7}),
    ("ShardPartitioner", "ids", {"num_partitions": 2, "num_shards_per_partition": 2, "shuffle": False}, 3),
    ("NaturalIdPartitioner", "names", {}),
    ("NaturalIdPartitioner", "ids", {}),
    ("NaturalIdPartitioner", "digits", {}, 9),
    *[
        ("GroupedNaturalIdPartitioner", column, {"group_size": size, "mode": mode, "sort_unique_ids": sort})
        for column, size in (("names", 4), ("ids", 3))
        for mode in ("allow-smaller", "allow-bigger", "drop-reminder")
        for sort in (False, True)
    ],
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 5, "mode": "strict"}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 99}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 1}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 5, "strictness": 1, "shuffle": False}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 4, "strictness": 1.0}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 5, "strictness": 0.5, "shuffle": False}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 3, "strictness": 0.9, "seed": 6}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 5, "strictness": 0}),
    ("ContinuousPartitioner", "ids", {"num_partitions": 5, "strictness": 0.7}),
]


def distribution_cases() -> list:
    rng = np.random.default_rng(2024)

    def lognormal(columns: int) -> list:
        return rng.lognormal(0.0, 2.0, (10, columns)).tolist()

    sizes = rng.integers(0, 4, (10, 3)).tolist()
    common = {"num_partitions": 10, "num_unique_labels_per_partition": 3}
    return [
        ("DistributionPartitioner", "digits", {"distribution_array": lognormal(3), **common, "preassigned_num_samples_per_label": 1}),
        ("DistributionPartitioner", "digits", {"distribution_array": lognormal(3), **common, "preassigned_num_samples_per_label": 0, "shuffle": False}),
        ("DistributionPartitioner", "digits", {"distribution_array": lognormal(2), "num_partitions": 20, "num_unique_labels_per_partition": 1, "preassigned_num_samples_per_label": 5, "seed": 3}),
        ("DistributionPartitioner", "digits", {"distribution_array": [[0.1, 0.2, 0.7]] * 10, **common, "preassigned_num_samples_per_label": 2, "shuffle": False}),
        ("DistributionPartitioner", "digits", {"distribution_array": lognormal(10), "num_partitions": 10, "num_unique_labels_per_partition": 10, "preassigned_num_samples_per_label": 0}),
        ("DistributionPartitioner", "digits", {"distribution_array": sizes, **common, "preassigned_num_samples_per_label": 0, "rescale": False}),
        ("DistributionPartitioner", "digits", {"distribution_array": [[1.9, 2.5, 0.2]] * 10, **common, "preassigned_num_samples_per_label": 7, "rescale": False, "shuffle": False}),
    ]


# What flwr-datasets refuses, with ValueError, in the constructor or when a partition is asked for.
ERRORS = [
    ("IidPartitioner", "digits", {"num_partitions": 0}),
    ("SizePartitioner", "digits", {"partition_sizes": []}),
    ("SizePartitioner", "digits", {"partition_sizes": [3, 0]}),
    ("SizePartitioner", "digits", {"partition_sizes": [300, 1]}),
    ("LinearPartitioner", "digits", {"num_partitions": 0}),
    ("LinearPartitioner", "digits", {"num_partitions": 25}),
    ("SquarePartitioner", "digits", {"num_partitions": 40}),
    ("ExponentialPartitioner", "digits", {"num_partitions": 9}),
    ("ExponentialPartitioner", "digits", {"num_partitions": 0}),
    ("DirichletPartitioner", "digits", {"num_partitions": 0, "alpha": 0.5}),
    ("DirichletPartitioner", "digits", {"num_partitions": 301, "alpha": 0.5, "min_partition_size": 0}),
    ("DirichletPartitioner", "digits", {"num_partitions": 3, "alpha": 0.0}),
    ("DirichletPartitioner", "digits", {"num_partitions": 3, "alpha": [0.5, 0.5]}),
    ("DirichletPartitioner", "digits", {"num_partitions": 2, "alpha": [0.5, -0.5]}),
    ("DirichletPartitioner", "digits", {"num_partitions": 10, "alpha": 0.01}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [200, 101], "alpha": 0.5}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [10, 10], "alpha": 0.0}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [10, 10], "alpha": [0.5, 0.5]}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [10, -1], "alpha": 0.5}),
    ("InnerDirichletPartitioner", "digits", {"partition_sizes": [0] * 301, "alpha": 0.5}),
    ("PathologicalPartitioner", "digits", {"num_partitions": 301, "num_classes_per_partition": 1}),
    ("PathologicalPartitioner", "digits", {"num_partitions": 3, "num_classes_per_partition": 11}),
    ("PathologicalPartitioner", "digits", {"num_partitions": 15, "num_classes_per_partition": 10}),
    ("PathologicalPartitioner", "digits", {"num_partitions": 3, "num_classes_per_partition": 2, "class_assignment_mode": "even"}),
    ("ShardPartitioner", "digits", {"num_partitions": 0, "shard_size": 3}),
    ("ShardPartitioner", "digits", {"num_partitions": 3}),
    ("ShardPartitioner", "digits", {"num_partitions": 3, "shard_size": 0}),
    ("ShardPartitioner", "digits", {"num_partitions": 3, "num_shards_per_partition": 0}),
    ("ShardPartitioner", "digits", {"num_partitions": 301, "shard_size": 1}),
    ("ShardPartitioner", "digits", {"num_partitions": 3, "num_shards_per_partition": 5, "shard_size": 21}),
    ("ShardPartitioner", "digits", {"num_partitions": 7, "shard_size": 50}),
    ("ShardPartitioner", "digits", {"num_partitions": 7, "shard_size": 51, "keep_incomplete_shard": True}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[1.0, 1.0]] * 9, "num_partitions": 10, "num_unique_labels_per_partition": 2, "preassigned_num_samples_per_label": 0}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[1.0]] * 10, "num_partitions": 10, "num_unique_labels_per_partition": 2, "preassigned_num_samples_per_label": 0}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[1.0] * 11] * 10, "num_partitions": 10, "num_unique_labels_per_partition": 11, "preassigned_num_samples_per_label": 0}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[1.0]] * 10, "num_partitions": 15, "num_unique_labels_per_partition": 1, "preassigned_num_samples_per_label": 0}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[1.0, 1.0]] * 10, "num_partitions": 10, "num_unique_labels_per_partition": 2, "preassigned_num_samples_per_label": 7}),
    ("DistributionPartitioner", "digits", {"distribution_array": [[10.0, 5.0]] * 10, "num_partitions": 10, "num_unique_labels_per_partition": 2, "preassigned_num_samples_per_label": 0, "rescale": False}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": -1}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 16, "mode": "allow-bigger"}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 16, "mode": "drop-reminder"}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 4, "mode": "strict"}),
    ("GroupedNaturalIdPartitioner", "names", {"group_size": 4, "mode": "loose"}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 0, "strictness": 0.5}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 258, "strictness": 0.5}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 3, "strictness": 1.5}),
    ("ContinuousPartitioner", "reals", {"num_partitions": 3, "strictness": -0.1}),
]

TABLE = ["age", "work", "edu", "civil", "job", "race", "sex", "gain", "hours", "land", "income"]

VERTICAL = [
    ("VerticalEvenPartitioner", {"num_partitions": 3, "shuffle": False}),
    ("VerticalEvenPartitioner", {"num_partitions": 3}),
    ("VerticalEvenPartitioner", {"num_partitions": 4, "seed": 1, "drop_columns": ["race", "no such"], "shared_columns": "age"}),
    *[
        ("VerticalEvenPartitioner", {"num_partitions": 3, "active_party_columns": ["income", "gain"], "active_party_columns_mode": mode,
                                     "shared_columns": ["age", "sex"], "shuffle": False})
        for mode in ("add_to_first", "add_to_last", "create_as_first", "create_as_last", "add_to_all", 1)
    ],
    ("VerticalEvenPartitioner", {"num_partitions": 2, "active_party_columns_mode": "create_as_first"}),
    ("VerticalEvenPartitioner", {"num_partitions": 13, "shuffle": False}),
    ("VerticalSizePartitioner", {"partition_sizes": [8, 2, 0, 1], "shuffle": False}),
    ("VerticalSizePartitioner", {"partition_sizes": [4, 5], "active_party_columns": "income", "drop_columns": "race"}),
    ("VerticalSizePartitioner", {"partition_sizes": [0.25, 0.25, 0.5], "shuffle": False}),
    ("VerticalSizePartitioner", {"partition_sizes": [0.3, 0.3, 0.395], "active_party_columns": "income",
                                 "active_party_columns_mode": "create_as_last", "shared_columns": ["age"], "seed": 9}),
    ("VerticalSizePartitioner", {"partition_sizes": [1.0, 0.0], "shuffle": False}),
]

VERTICAL_ERRORS = [
    ("VerticalEvenPartitioner", {"num_partitions": 0}),
    ("VerticalEvenPartitioner", {"num_partitions": 2, "shared_columns": ["no such"]}),
    ("VerticalEvenPartitioner", {"num_partitions": 2, "active_party_columns": "no such"}),
    ("VerticalEvenPartitioner", {"num_partitions": 2, "active_party_columns_mode": "add_to_some"}),
    ("VerticalEvenPartitioner", {"num_partitions": 2, "active_party_columns_mode": 2}),
    ("VerticalEvenPartitioner", {"num_partitions": 2, "active_party_columns_mode": -1}),
    ("VerticalSizePartitioner", {"partition_sizes": []}),
    ("VerticalSizePartitioner", {"partition_sizes": [5, 5]}),
    ("VerticalSizePartitioner", {"partition_sizes": [5, 7]}),
    ("VerticalSizePartitioner", {"partition_sizes": [12, -1]}),
    ("VerticalSizePartitioner", {"partition_sizes": [0.5, 0.4]}),
    ("VerticalSizePartitioner", {"partition_sizes": [1.5, -0.5]}),
    ("VerticalSizePartitioner", {"partition_sizes": [10, 1], "drop_columns": ["no such"]}),
]


def columns_of_partitions(name: str, parameters: dict) -> list:
    partitioner = make(name, parameters)
    partitioner.dataset = datasets.Dataset.from_dict({column: [0] for column in TABLE})
    return [partitioner.load_partition(i).column_names for i in range(partitioner.num_partitions)]


def expect_error(name: str, call) -> None:
    try:
        call()
    except ValueError:
        return
    sys.exit(f"{name} accepted what is listed as an error")


FASHION_CASES = [
    ("IidPartitioner", {"num_partitions": 7}),
    ("LinearPartitioner", {"num_partitions": 100}),
    ("SquarePartitioner", {"num_partitions": 30}),
    ("ExponentialPartitioner", {"num_partitions": 10}),
    ("DirichletPartitioner", {"num_partitions": 10, "alpha": 0.5}),
    ("DirichletPartitioner", {"num_partitions": 10, "alpha": 0.1, "self_balancing": True}),
    ("DirichletPartitioner", {"num_partitions": 100, "alpha": 5.0, "seed": 2024}),
    ("InnerDirichletPartitioner", {"partition_sizes": [1500, 800, 200, 500, 1000], "alpha": 0.5}),
    ("PathologicalPartitioner", {"num_partitions": 20, "num_classes_per_partition": 2, "class_assignment_mode": "first-deterministic"}),
    ("PathologicalPartitioner", {"num_partitions": 20, "num_classes_per_partition": 3}),
    ("ShardPartitioner", {"num_partitions": 100, "num_shards_per_partition": 2}),
    ("ShardPartitioner", {"num_partitions": 9, "shard_size": 990, "keep_incomplete_shard": True}),
    ("DistributionPartitioner", {"distribution_array": [[1, 2, 3, 4, 5, 6, 7, 8]] * 10, "num_partitions": 40, "num_unique_labels_per_partition": 2,
                                 "preassigned_num_samples_per_label": 5}),
    ("NaturalIdPartitioner", {}),
    # Without sorting, `Dataset.unique` goes by the order before the shuffle, which a partitioner of ours does not see.
    ("GroupedNaturalIdPartitioner", {"group_size": 3, "sort_unique_ids": True}),
    ("ContinuousPartitioner", {"num_partitions": 10, "strictness": 0.6}),
]


def fashion_mnist() -> list:
    with gzip.open(FASHION_MNIST) as file:
        labels = np.frombuffer(file.read()[8:], dtype=np.uint8)
    cases = []
    for name, parameters in FASHION_CASES:
        partitions = [np.array(rows, dtype="<u8") for rows in rows_of_partitions(name, labels.tolist(), parameters, 42)]
        cases.append({
            "partitioner": name, "parameters": parameters, "shuffle_dataset": 42,
            "sizes": [len(rows) for rows in partitions],
            "classes": [np.bincount(labels[rows], minlength=10).tolist() for rows in partitions],
            "crc32": [zlib.crc32(rows.tobytes()) for rows in partitions],
        })
    return cases


def draws(seed: int) -> dict:
    """What one generator draws, each kind after the other."""
    rng = np.random.default_rng(seed)

    def some(values, interesting) -> list:
        return [[i, float(x)] for i, x in enumerate(values) if i % 100 == 0 or interesting(x)]

    bounds = [1, 2, 10, 255, 60000, 2**31 + 1, 2**32 - 1, 2**32 + 1, 2**40, 2**63 - 1]
    shuffled = list(range(20))
    result = {
        "integers": [[bound, int(rng.integers(0, bound))] for bound in bounds for _ in range(5)],
        "random": rng.random(5).tolist(),
        "permutation": rng.permutation(13).tolist(),
        "odd half": int(rng.integers(0, 10)),
    }
    rng.shuffle(shuffled)
    result["shuffled"] = shuffled
    result["samples"] = [
        [population, size, rng.choice(population, size, replace=False).tolist()]
        for population, size in ((10, 4), (10, 10), (1, 1), (10001, 3), (10001, 201))
    ]
    result["choice"] = [int(rng.choice(4, p=[0.1, 0.0, 0.6, 0.3])) for _ in range(20)]
    result["normal"] = some(rng.standard_normal(5000), lambda x: abs(x) > 3.5)
    result["exponential"] = some(rng.standard_exponential(5000), lambda x: x > 7)
    result["gamma"] = [[shape, rng.standard_gamma(shape, 20).tolist()] for shape in (0.05, 0.5, 0.99, 1.0, 1.5, 40.0)]
    result["dirichlet"] = [
        [alpha, rng.dirichlet(alpha).tolist()]
        for alpha in ([0.05] * 4, [0.09] * 30, [1e-3, 2e-3], [0.5] * 4, [1.0, 2.0, 30.0], [0.01, 5.0], [2.0])
    ]
    return {"seed": seed, **result}


def main() -> None:
    columns = make_columns()
    cases = []
    for name, column, parameters, *shuffle in [*CASES, *distribution_cases()]:
        partitions = rows_of_partitions(name, columns[column], parameters, *shuffle)
        entry = {"partitioner": name, "column": column, "parameters": parameters, "partitions": partitions}
        cases.append({**entry, "shuffle_dataset": shuffle[0]} if shuffle else entry)
    for name, column, parameters in ERRORS:
        expect_error(name, lambda: rows_of_partitions(name, columns[column], parameters))
    for name, parameters in VERTICAL_ERRORS:
        expect_error(name, lambda: columns_of_partitions(name, parameters))
    root = {"sizes": [len(rows) for rows in rows_of_partitions(
        "IdToSizeFncPartitioner", columns["digits"], {"num_partitions": 5, "partition_id_to_size_fn": np.sqrt})]}
    lists = {
        "cases": cases,
        "errors": [{"partitioner": n, "column": c, "parameters": p} for n, c, p in ERRORS],
        "vertical": [{"partitioner": n, "parameters": p, "partitions": columns_of_partitions(n, p)} for n, p in VERTICAL],
        "vertical errors": [{"partitioner": n, "parameters": p} for n, p in VERTICAL_ERRORS],
        "fashion-mnist": fashion_mnist(),
        "draws": [draws(seed) for seed in (0, 42, 2**63 + 11)],
    }
    head = {"numpy": np.__version__, "datasets": datasets.__version__, "columns": columns, "table": TABLE, "square root": root}
    # One entry a line: short enough to keep, and a change is seen in the line it is in.
    print("{", *(f'"{key}": {json.dumps(value)},' for key, value in head.items()), sep="\n")
    print(*(f'"{key}": [\n' + ",\n".join(json.dumps(entry) for entry in entries) + "\n]" for key, entries in lists.items()),
          sep=",\n")
    print("}")


main()
