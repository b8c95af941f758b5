# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Our strategies and the installed Flower's on the same replies, round after round.

The cases are those of tests/golden/make_strategies.py with other numbers: seeds of their own, and models from one that fits
into a line to one whose arrays are longer than the blocks that we compute in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import our_program
from support.venvs import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests" / "golden"))
import make_strategies  # noqa: E402

# Relative to the largest element of an array. Flower computes float16 and float32 in their own precision, we round once a
# reply and once a round.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "float16": 2e-2, "complex128": 1e-9, "complex64": 1e-5}


@dataclass
class Compared:
    """A case, stock Flower's outcomes of its rounds in it, and ours."""

    case: dict[str, Any]
    replies: make_strategies.ReplySet
    ours: list[dict[str, Any]]


@pytest.fixture(scope="module", params=[(1, 8), (2, 100), (3, 3000)], ids=lambda p: f"seed {p[0]}, {p[1]} elements")
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Compared]:
    """All cases of one seed."""
    sets, cases = make_strategies.make_cases(*request.param)
    folder = tmp_path_factory.mktemp("strategies")
    (folder / "cases.json").write_text(make_strategies.to_json(sets, cases))
    command = [our_program("strategy_replay"), folder / "cases.json", folder / "outcomes.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    named = {one.name: one for one in sets}
    ours = json.loads((folder / "outcomes.json").read_text())
    return [Compared(case, named[case["replies"]], rounds) for case, rounds in zip(cases, ours, strict=True)]


def expected_type(value: np.ndarray) -> np.dtype:
    """That of an aggregate of such arrays, which is ours to decide: NumPy 1, NumPy 2 and Flower's formulas all differ."""
    return value.dtype.newbyteorder("=") if value.dtype.kind in "fc" else np.dtype("float64")


def booster(text: np.ndarray) -> Any:
    """A model of XGBoost, which may be written with other spaces."""
    return json.loads(text.tobytes())


def assert_same_arrays(one: Compared, ours: dict[str, Any], stock: dict[str, np.ndarray]) -> None:
    assert list(ours) == list(stock)
    sent = one.replies.rounds[0][0].arrays
    for key, value in stock.items():
        mine = make_strategies.decode(ours[key])
        if one.case["strategy"].startswith("FedXgb"):
            assert booster(mine) == booster(value), key
            continue
        assert mine.shape == value.shape, key
        assert mine.dtype == expected_type(sent[key]), key
        wide = np.complex128 if mine.dtype.kind == "c" else np.float64
        mine, value = mine.astype(wide), value.astype(wide)
        largest = np.abs(value).max(initial=0)
        off = np.abs(mine - value).max(initial=0)
        assert off <= TOLERANCE[expected_type(sent[key]).name] * largest, f"{key}: {off} at most, {largest} the largest"


def assert_same_metrics(ours: dict[str, Any], stock: dict[str, Any]) -> None:
    assert list(ours) == list(stock)
    for key, value in stock.items():
        assert ours[key] == pytest.approx(value, rel=1e-9, abs=1e-12), key


@pytest.mark.parametrize("name", make_strategies.STRATEGIES)
def test_aggregates_as_stock_flower_does(name: str, compared: list[Compared]) -> None:
    of_it = [one for one in compared if one.case["strategy"] == name]
    assert of_it
    for one in of_it:
        for number, (ours, stock) in enumerate(zip(one.ours, one.case["rounds"], strict=True), 1):
            where = f"{one.case['parameters']} on {one.replies.name}, round {number}"
            assert ours["nodes"] == stock["nodes"], where
            assert ours["config"] == stock["config"], where
            for record in ("arrays", "metrics", "evaluate_metrics"):
                assert (ours[record] is None) == (stock[record] is None), f"{record}: {where}"
                if stock[record] is None:
                    continue
                try:
                    (assert_same_arrays(one, ours[record], stock[record]) if record == "arrays"
                     else assert_same_metrics(ours[record], stock[record]))  # fmt: skip
                except AssertionError as error:
                    error.add_note(f"{record}: {where}")
                    raise
