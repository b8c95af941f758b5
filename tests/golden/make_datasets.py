# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0

"""Writes datasets.json: files read by pandas and NumPy, and what flwr-datasets 0.6.1 makes of
datasets (shuffled, divided, merged, partitioned, counted). Run it with a Python that has these:

    python make_datasets.py
"""

import io
import json
import math
import pathlib
import warnings

import datasets
import numpy as np
import pandas as pd
from flwr_datasets import FederatedDataset
from flwr_datasets.metrics import compute_counts, compute_frequencies
from flwr_datasets.partitioner import (
    IidPartitioner,
    SizePartitioner,
    VerticalEvenPartitioner,
    VerticalSizePartitioner,
)
from flwr_datasets.preprocessor import Divider, Merger
from flwr_datasets.utils import concatenate_divisions, divide_dataset

warnings.simplefilter("ignore")

CSV = {
    "types": "id,size,name\n1,0.5,a\n2,1e3,b\n-3,.25,c\n",
    "no_line_end": "a,b\n1,2\n3,4",
    "crlf": "a,b\r\n1,x\r\n2,y\r\n",
    "cr": "a,b\r1,x\r2,y\r",
    "quotes": 'a,b\n"1, 2","say ""hi"""\n"two\nlines","a\r\nb"\n',
    "empty_lines": "a,b\n\n1,2\n\n\n3,4\n\n",
    "byte_order_mark": "\ufeffa,b\n1,2\n",
    "missing_integer": "a,b\n1,x\n,y\n3,z\n",
    "missing_words": "a,b,c\n1,NA,nan\nNULL,2.5,N/A\n3,null,NaN\n",
    "signs": "a,b\n+1,+1.5\n-2,-2.5\n007,1.\n",
    "spaces": "a,b\n 1 , 2.5\n2,3.5\n",
    "large": "a,b\n9223372036854775807,1\n-9223372036854775808,2\n",
    "numbers_and_texts": "a\n1\n2.5\nthree\n",
    "infinite": "a\n1.5\ninf\n-inf\n",
    "umlauts": "Größe,Ort\n1,Köln\n2,東京\n",
    "one_column": "a\n1\n2\n",
}


def csv_case(text):
    # Bytes, since a text would have its line ends changed.
    frame = pd.read_csv(io.BytesIO(text.encode()))
    columns = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_integer_dtype(values):
            kind, values = "int64", [int(v) for v in values]
        elif pd.api.types.is_float_dtype(values):
            kind, values = "double", [repr(float(v)) for v in values]
        else:
            kind, values = "string", [str(v) for v in values]
        columns[str(name)] = {"type": kind, "values": values}
    return {"text": text, "columns": columns}


def npy_arrays():
    arrays = {}
    for dtype in "?bBhHiIqQefd":
        base = np.arange(-3, 9) if dtype not in "?BHIQ" else np.arange(12)
        array = base.astype(dtype)
        name = array.dtype.name
        arrays[f"{name}_1d"] = array
        arrays[f"{name}_2d"] = array.reshape(4, 3)
    arrays["half_values"] = np.array(
        [0, -0.0, 1.5, 65504, 6e-8, -6.1e-5, np.inf, -np.inf, np.nan], dtype="<f2"
    )
    arrays["big_endian_1d"] = np.arange(5, dtype=">i4")
    arrays["big_endian_3d"] = np.linspace(0, 1, 24, dtype=">f4").reshape(2, 3, 4)
    arrays["fortran_2d"] = np.asfortranarray(np.arange(12, dtype="<i2").reshape(4, 3))
    arrays["fortran_3d"] = np.asfortranarray(np.arange(24, dtype="<f8").reshape(2, 3, 4))
    arrays["fortran_big_endian"] = np.asfortranarray(np.arange(6, dtype=">u2").reshape(2, 3))
    arrays["texts"] = np.array(["a", "", "Köln", "東京", "👍x"])
    arrays["texts_big_endian"] = np.array(["ab", "ö"], dtype=">U3")
    arrays["bytes"] = np.array([b"abc", b"", b"z"])
    arrays["no_rows"] = np.zeros((0,), dtype="<f4")
    arrays["no_images"] = np.zeros((0, 28, 28), dtype="u1")
    return arrays


def npy_case(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    if array.dtype.kind == "U":
        values = [str(v) for v in array]
    elif array.dtype.kind == "S":
        values = [v.decode() for v in array]
    elif array.dtype.kind == "f":
        values = [repr(float(v)) for v in array.ravel()]
    else:
        values = [int(v) for v in array.ravel()]
    return {"hex": buffer.getvalue().hex(), "shape": list(array.shape), "values": values}


def npz(save):
    buffer = io.BytesIO()
    images = (np.arange(2 * 3 * 4) % 256).astype("u1").reshape(2, 3, 4)
    save(buffer, x_train=images, y_train=np.array([7, 1]), x_test=images[:1], y_test=np.array([3]))
    return buffer.getvalue().hex()


def rows(dataset):
    return [int(v) for v in dataset["id"]]


def federated():
    sizes = {"train": 60, "valid": 17, "test": 23}
    first = 0
    splits = {}
    for name, size in sizes.items():
        splits[name] = datasets.Dataset.from_dict({"id": list(range(first, first + size))})
        first += size

    def load(**options):
        made = FederatedDataset(dataset="none", **options)
        datasets.load_dataset = lambda *_, **__: datasets.DatasetDict(splits)
        return made

    cases = {}
    plain = load(partitioners={"train": 7})
    cases["shuffled"] = [rows(plain.load_partition(i)) for i in range(7)]
    cases["shuffled_test"] = rows(plain.load_split("test"))
    seeded = load(partitioners={"train": IidPartitioner(4)}, seed=1234567890123)
    cases["seeded"] = [rows(seeded.load_partition(i)) for i in range(4)]
    still = load(partitioners={"train": 7, "test": SizePartitioner([5, 11])}, shuffle=False)
    cases["two_splits"] = {
        "train": [rows(still.load_partition(i, "train")) for i in range(7)],
        "test": [rows(still.load_partition(i, "test")) for i in range(2)],
    }
    divider = Divider({"train": {"a": 0.35, "b": 0.5}, "test": {"c": 0.1, "d": 0.9}})
    divided = load(partitioners={"a": 3}, preprocessor=divider)
    cases["divided"] = {name: rows(divided.load_split(name)) for name in ("a", "b", "c", "d", "valid")}
    cases["divided_partitions"] = [rows(divided.load_partition(i)) for i in range(3)]
    merger = Merger({"all": ("valid", "train"), "test": ("test",)})
    merged = load(partitioners={"all": 5}, preprocessor=merger)
    cases["merged"] = rows(merged.load_split("all"))
    cases["merged_partitions"] = [rows(merged.load_partition(i)) for i in range(5)]
    partition = plain.load_partition(2)
    cases["partition_2_divided"] = [rows(p) for p in divide_dataset(partition, [0.6, 0.2, 0.1])]
    cases["concatenated"] = rows(
        concatenate_divisions(plain.partitioners["train"], [0.8, 0.2], 1)
    )
    return {"sizes": sizes, "cases": cases}


def vertical():
    """Columns of shuffled rows, divided. The value of row i in column j is 100 * j + i."""
    names = ["age", "city", "income", "label", "sex", "zip"]
    columns = {name: [100 * j + i for i in range(9)] for j, name in enumerate(names)}
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_dict(columns)})
    partitioners = {
        "even": VerticalEvenPartitioner(
            3, "label", drop_columns="zip", shared_columns=["sex"], seed=7
        ),
        "size": VerticalSizePartitioner([2, 0, 3], "label", active_party_columns_mode="create_as_last"),
    }
    cases = {}
    for name, partitioner in partitioners.items():
        made = FederatedDataset(dataset="none", partitioners={"train": partitioner})
        datasets.load_dataset = lambda *_, **__: splits
        count = made.partitioners["train"].num_partitions
        parts = [made.load_partition(i) for i in range(count)]
        cases[name] = [{column: part[column][:] for column in part.column_names} for part in parts]
    return {"columns": columns, "cases": cases}


def counts():
    generator = np.random.default_rng(5)
    column = {
        "int64": [int(v) for v in generator.integers(-2, 12, 50)],
        "double": [float(v) / 4 for v in generator.integers(0, 6, 50)],
        "string": [str(v) for v in generator.choice(["b", "a", "Zoë", "c c"], 50)],
    }
    cases = []
    sizes = [20, 5, 1, 13]  # The last rows are in no partition.
    for kind, values in column.items():
        partitioner = SizePartitioner(sizes)
        partitioner.dataset = datasets.Dataset.from_dict({"label": values})
        absolute = compute_counts(partitioner, "label")
        relative = compute_frequencies(partitioner, "label")
        cases.append(
            {
                "type": kind,
                "values": values,
                "counts": {str(c): [int(v) for v in absolute[c]] for c in absolute.columns},
                "frequencies": {str(c): [float(v) for v in relative[c]] for c in relative.columns},
            }
        )
    names = ["cat", "dog", "eel", "fox"]
    labels = [int(v) for v in generator.integers(0, 3, 12)]  # No fox.
    features = datasets.Features({"label": datasets.ClassLabel(names=names)})
    partitioner = SizePartitioner([6, 6])
    partitioner.dataset = datasets.Dataset.from_dict({"label": labels}, features=features)
    named = compute_counts(partitioner, "label", verbose_names=True, max_num_partitions=1)
    return {
        "sizes": sizes,
        "cases": cases,
        "named": {
            "names": names,
            "values": labels,
            "counts": {str(c): [int(v) for v in named[c]] for c in named.columns},
        },
    }


def main():
    golden = {
        "csv": {name: csv_case(text) for name, text in CSV.items()},
        "npy": {name: npy_case(array) for name, array in npy_arrays().items()},
        "npz": {"stored": npz(np.savez), "deflated": npz(np.savez_compressed)},
        "federated": federated(),
        "vertical": vertical(),
        "counts": counts(),
    }
    # One line for each case: these are to be read, and compared by git.
    lines = []
    for section, cases in golden.items():
        body = ",\n".join(
            f"  {json.dumps(name)}: {json.dumps(case, ensure_ascii=False)}"
            for name, case in cases.items()
        )
        lines.append(f"{json.dumps(section)}: {{\n{body}\n}}")
    path = pathlib.Path(__file__).parent / "datasets.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
